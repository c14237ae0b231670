/* The cookie of a browser in which somebody logged in before: whose it is shows to us alone, and when it ends. */
#include <stdio.h>

#include "base/base64.h"
#include "domain/device.h"
#include "domain/form_token.h"
#include "support_app.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define COOKIE_SIZE (AA_DEVICE_COOKIE_LEN + 1)

static const struct aa_user ann = {.user_id = {"usr_ann", 7}, .password_phc = {"$argon2id$ann", 13}};
static const struct aa_user bob = {.user_id = {"usr_bob", 7}, .password_phc = {"$argon2id$ann", 13}};
static const struct aa_user ann_later = {.user_id = {"usr_ann", 7}, .password_phc = {"$argon2id$new", 13}};
static const struct aa_user nobody;

static void open_with_key(struct app_fixture *f)
{
    app_open(f);
    CHECK_OK(aa_form_key_open(&f->app, NULL));
}

static void make(struct app_fixture *f, const struct aa_user *user, char out[COOKIE_SIZE])
{
    struct aa_buf buf;

    aa_buf_init(&buf, AA_DEVICE_COOKIE_LEN);
    CHECK_OK(aa_device_add(&f->app, user, &buf, NULL));
    CHECK_INT(buf.len, AA_DEVICE_COOKIE_LEN);
    snprintf(out, COOKIE_SIZE, "%s", aa_buf_text(&buf));
    aa_buf_clear(&buf);
}

static bool is_known(struct app_fixture *f, const struct aa_user *user, struct aa_view cookie)
{
    uint8_t id[AA_DEVICE_ID_LEN];
    bool known = true;

    CHECK_OK(aa_device_check(&f->app, user, cookie, id, &known, NULL));
    return known;
}

TEST(device, a_cookie_is_good_for_its_own_person_alone)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &ann, cookie);
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    CHECK(!is_known(&f, &bob, VIEW(cookie)));
    CHECK(!is_known(&f, &nobody, VIEW(cookie)));
    app_close(&f);
}

TEST(device, there_is_none_for_nobody)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &nobody, cookie);
    CHECK(!is_known(&f, &nobody, VIEW(cookie)));
    app_close(&f);
}

TEST(device, a_new_password_ends_it)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &ann, cookie);
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    CHECK(!is_known(&f, &ann_later, VIEW(cookie)));
    make(&f, &ann_later, cookie);
    CHECK(is_known(&f, &ann_later, VIEW(cookie)));
    app_close(&f);
}

TEST(device, it_lasts_for_180_days)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &ann, cookie);
    f.now_ms += 180 * DAY_MS - 1;
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    f.now_ms += 1;
    CHECK(!is_known(&f, &ann, VIEW(cookie)));
    app_close(&f);
}

/* Two servers' clocks differ a little. A cookie from further ahead would outlive its time. */
TEST(device, it_may_come_from_a_clock_five_minutes_ahead)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &ann, cookie);
    f.now_ms -= 300000;
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    f.now_ms -= 1;
    CHECK(!is_known(&f, &ann, VIEW(cookie)));
    app_close(&f);
}

TEST(device, each_has_an_id_of_its_own)
{
    uint8_t one[AA_DEVICE_ID_LEN], other[AA_DEVICE_ID_LEN];
    struct app_fixture f;
    char cookie[COOKIE_SIZE];
    bool known = false;

    open_with_key(&f);
    make(&f, &ann, cookie);
    CHECK_OK(aa_device_check(&f.app, &ann, VIEW(cookie), one, &known, NULL));
    CHECK(known);
    CHECK_OK(aa_device_check(&f.app, &ann, VIEW(cookie), other, &known, NULL));
    CHECK(memcmp(one, other, sizeof one) == 0);
    make(&f, &ann, cookie);
    CHECK_OK(aa_device_check(&f.app, &ann, VIEW(cookie), other, &known, NULL));
    CHECK(known);
    CHECK(memcmp(one, other, sizeof one) != 0);
    app_close(&f);
}

TEST(device, one_with_any_other_character_is_not_ours)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];
    size_t i;

    open_with_key(&f);
    make(&f, &ann, cookie);
    for (i = 0; i < AA_DEVICE_COOKIE_LEN; i++) {
        char was = cookie[i];

        cookie[i] = was == 'A' ? 'B' : 'A';
        CHECK(!is_known(&f, &ann, VIEW(cookie)));
        cookie[i] = '=';
        CHECK(!is_known(&f, &ann, VIEW(cookie)));
        cookie[i] = was;
    }
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    app_close(&f);
}

TEST(device, what_cannot_be_one_is_none)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE], longer[COOKIE_SIZE + 1];

    open_with_key(&f);
    make(&f, &ann, cookie);
    snprintf(longer, sizeof longer, "%sA", cookie);
    CHECK(!is_known(&f, &ann, AA_VIEW_ABSENT));
    CHECK(!is_known(&f, &ann, VIEW("")));
    CHECK(!is_known(&f, &ann, aa_view_make(cookie, AA_DEVICE_COOKIE_LEN - 1)));
    CHECK(!is_known(&f, &ann, VIEW(longer)));
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    app_close(&f);
}

TEST(device, another_installation_does_not_know_it)
{
    struct app_fixture f;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &ann, cookie);
    CHECK(is_known(&f, &ann, VIEW(cookie)));
    f.app.form_key[31] ^= 1;
    CHECK(!is_known(&f, &ann, VIEW(cookie)));
    app_close(&f);
}

static bool holds(const struct aa_buf *bytes, const char *text)
{
    for (size_t i = 0; i + strlen(text) <= bytes->len; i++)
        if (memcmp(bytes->data + i, text, strlen(text)) == 0)
            return true;
    return false;
}

TEST(device, nothing_in_it_tells_whose_it_is)
{
    struct app_fixture f;
    struct aa_buf bytes;
    char cookie[COOKIE_SIZE];

    open_with_key(&f);
    make(&f, &ann, cookie);
    aa_buf_init(&bytes, 128);
    CHECK_OK(aa_base64url_decode(VIEW(cookie), &bytes, NULL));
    CHECK_INT(bytes.len, 8 + AA_DEVICE_ID_LEN + AA_SHA256_LEN); /* time, chance, HMAC */
    CHECK(!holds(&bytes, "usr"));
    CHECK(!holds(&bytes, "ann"));
    CHECK(!holds(&bytes, "argon"));
    aa_buf_clear(&bytes);
    app_close(&f);
}

static enum aa_err no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return AA_ERR_RANDOM;
}

TEST(device, without_random_bytes_there_is_none)
{
    struct app_fixture f;
    struct aa_buf buf;
    aa_random_fn random;

    open_with_key(&f);
    random = f.app.random;
    aa_buf_init(&buf, AA_DEVICE_COOKIE_LEN);
    f.app.random = no_random;
    CHECK_ERR(aa_device_add(&f.app, &ann, &buf, NULL), AA_ERR_RANDOM);
    CHECK_INT(buf.len, 0);
    f.app.random = random;
    CHECK_OK(aa_device_add(&f.app, &ann, &buf, NULL));
    aa_buf_clear(&buf);
    app_close(&f);
}
