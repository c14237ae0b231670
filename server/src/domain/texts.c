#include "domain/texts.h"

/* Controls, what turns the direction of writing, and what nobody sees. The joiners U+200C and U+200D stay: Persian, the
 * scripts of India and many an emoji cannot be written without. */
static const struct {
    uint32_t first, last;
} unwanted[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x061c, 0x061c},   {0x115f, 0x1160},
    {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
};

/* The code point of a well-formed sequence of `len` bytes. */
static uint32_t code_point(struct aa_view text, size_t len)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = (unsigned char)text.data[0] & masks[len];

    for (size_t i = 1; i < len; i++)
        point = point << 6 | ((unsigned char)text.data[i] & 0x3f);
    return point;
}

static bool is_unwanted(uint32_t point)
{
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        if (point >= unwanted[i].first && point <= unwanted[i].last)
            return true;
    return false;
}

bool aa_text_is_plain(struct aa_view text)
{
    while (text.len > 0) {
        size_t len = aa_view_utf8_len(text);

        if (len == 0 || is_unwanted(code_point(text, len)))
            return false;
        text = aa_view_from(text, len);
    }
    return true;
}

#define DAY_S INT64_C(86400)
#define YEAR_9999_S INT64_C(253402300799)

/* The civil date of a day counted from 1970 (the Gregorian calendar repeats every 146097 days; a year here begins in
 * March, so that the leap day is its last). */
static void date_of(int64_t day, int *year, int *month, int *day_of_month)
{
    int64_t shifted = day + 719468; /* days from 0000-03-01 */
    int64_t era = shifted / 146097, day_of_era = shifted % 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;

    *day_of_month = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = (int)(era * 400 + year_of_era + (*month <= 2));
}

struct moment {
    int year, month, day, hour, minute, second;
};

static struct moment moment_of(int64_t time_ms)
{
    int64_t seconds = time_ms < 0 ? 0 : time_ms / 1000, of_day;
    struct moment moment;

    if (seconds > YEAR_9999_S)
        seconds = YEAR_9999_S;
    of_day = seconds % DAY_S;
    date_of(seconds / DAY_S, &moment.year, &moment.month, &moment.day);
    moment.hour = (int)(of_day / 3600);
    moment.minute = (int)(of_day / 60 % 60);
    moment.second = (int)(of_day % 60);
    return moment;
}

void aa_text_add_time(struct aa_buf *buf, int64_t time_ms)
{
    struct moment at = moment_of(time_ms);

    aa_buf_add_format(buf, "%04d-%02d-%02dT%02d:%02d:%02dZ", at.year, at.month, at.day, at.hour, at.minute, at.second);
}

void aa_text_add_time_words(struct aa_buf *buf, int64_t time_ms)
{
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    struct moment at = moment_of(time_ms);

    aa_buf_add_format(buf, "%d %s %d, %02d:%02d UTC", at.day, months[at.month - 1], at.year, at.hour, at.minute);
}
