#include "main/config_check.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/url.h"
#include "domain/client_document.h"

#define ISSUER_MAX 1024

bool aa_config_check_issuer(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    struct aa_url url;
    struct aa_view issuer = aa_view_of(text);

    (void)min;
    (void)max;
    *wanted = "an https URL (http for this machine alone: localhost, 127.0.0.1, [::1]) without user name, query, "
              "fragment and closing slash";
    if (issuer.len > ISSUER_MAX || aa_url_parse(issuer, &url, NULL) || aa_view_is_absent(url.host) || url.host.len == 0)
        return false;
    *number = aa_url_is_scheme(&url, "https");
    if (!*number && !(aa_url_is_scheme(&url, "http") && aa_url_is_loopback(&url)))
        return false;
    if (!aa_view_is_absent(url.userinfo) || !aa_view_is_absent(url.query) || !aa_view_is_absent(url.fragment))
        return false;
    return !aa_view_has_suffix(issuer, AA_VIEW("/"));
}

bool aa_config_check_address(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    unsigned char address[sizeof(struct in6_addr)];

    (void)min;
    (void)max;
    (void)number;
    *wanted = "an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0";
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

bool aa_config_check_text(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    size_t len = strlen(text);

    (void)number;
    *wanted = "a text that is neither empty nor overlong";
    return len >= (size_t)min && len <= (size_t)max && aa_view_is_utf8(aa_view_of(text));
}

bool aa_config_check_number(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    *wanted = "a whole number";
    return aa_view_parse_int64(aa_view_of(text), number) == AA_OK && *number >= min && *number <= max;
}

static int64_t seconds_of_unit(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

bool aa_config_check_duration(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    struct aa_view view = aa_view_of(text);
    int64_t unit = view.len ? seconds_of_unit(view.data[view.len - 1]) : 0;

    *wanted = "a duration such as 90, 90s, 15m, 12h or 30d";
    if (unit)
        view.len--;
    else
        unit = 1;
    if (aa_view_parse_int64(view, number) || *number > max / unit)
        return false;
    *number *= unit;
    return *number >= min && *number <= max;
}

/* The place of a word in a list ended by NULL; -1 when it is not in it. */
static int64_t find_word(const char *const *words, const char *text)
{
    for (int64_t i = 0; words[i]; i++)
        if (aa_view_equal_nocase(aa_view_of(words[i]), aa_view_of(text)))
            return i;
    return -1;
}

bool aa_config_check_switch(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1", NULL};
    int64_t place = find_word(words, text);

    (void)min;
    (void)max;
    *wanted = "on or off";
    *number = place % 2;
    return place >= 0;
}

bool aa_config_check_synchronous(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    static const char *const words[] = {"full", "normal", NULL};

    (void)min;
    (void)max;
    *wanted = "full or normal";
    *number = find_word(words, text);
    return *number >= 0;
}

bool aa_config_check_prepared(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    static const char *const words[] = {"auto", "off", NULL};

    (void)min;
    (void)max;
    *wanted = "auto or off";
    *number = find_word(words, text);
    return *number >= 0;
}

bool aa_config_check_log_level(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    static const char *const words[] = {"debug", "info", "warning", "error", NULL};

    (void)min;
    (void)max;
    *wanted = "debug, info, warning or error";
    *number = find_word(words, text);
    return *number >= 0;
}

bool aa_config_check_log_format(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    static const char *const words[] = {"text", "json", NULL};

    (void)min;
    (void)max;
    *wanted = "text or json";
    *number = find_word(words, text);
    return *number >= 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 3986 §3.1 */
static bool is_scheme(struct aa_view text)
{
    if (text.len == 0 || !is_letter(text.data[0]))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* Those run or read something in the browser, or are no app's to claim. */
static bool is_forbidden_scheme(struct aa_view scheme)
{
    static const char *const words[] = {"javascript", "data", "file",  "blob", "about", "vbscript", "view-source",
                                        "filesystem", "http", "https", "ftp",  "ws",    "wss",      NULL};

    for (size_t i = 0; words[i]; i++)
        if (aa_view_equal_nocase(scheme, aa_view_of(words[i])))
            return true;
    return false;
}

bool aa_config_check_schemes(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    struct aa_view scheme, rest = aa_view_of(text);

    (void)min;
    (void)number;
    *wanted = "private-use URI schemes such as \"cursor vscode\", separated by single spaces";
    if (rest.len > (size_t)max)
        return false;
    while (rest.len > 0) {
        bool more = aa_view_cut(rest, ' ', &scheme, &rest);

        if (!is_scheme(scheme) || is_forbidden_scheme(scheme) || (more && rest.len == 0))
            return false;
    }
    return true;
}

/* As a client's id may have it. */
static bool is_site(struct aa_view text)
{
    struct aa_buf id;
    bool is;

    aa_buf_init(&id, AA_URL_MAX);
    aa_buf_add_text(&id, "https://");
    aa_buf_add(&id, text);
    aa_buf_add_text(&id, "/x");
    is = !id.bad && aa_client_document_check_url(aa_buf_view(&id), NULL) == AA_OK &&
         aa_view_equal(aa_client_document_site(aa_buf_view(&id)), text);
    aa_buf_clear(&id);
    return is;
}

bool aa_config_check_hosts(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    struct aa_view host, rest = aa_view_of(text);

    (void)number;
    *wanted = "names of hosts in lower case such as \"claude.ai vscode.dev\", separated by single spaces";
    if (rest.len < (size_t)min || rest.len > (size_t)max)
        return false;
    while (rest.len > 0) {
        bool more = aa_view_cut(rest, ' ', &host, &rest);

        if (!is_site(host) || (more && rest.len == 0))
            return false;
    }
    return true;
}

bool aa_config_check_file(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    struct stat file;

    if (!aa_config_check_text(text, min, max, number, wanted))
        return false;
    *wanted = "the name of a file that can be read";
    return access(text, R_OK) == 0 && stat(text, &file) == 0 && !S_ISDIR(file.st_mode);
}

bool aa_config_check_secret(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    struct aa_view view = aa_view_of(text);

    (void)number;
    *wanted = "a secret of 32 to 128 visible characters";
    return view.len >= (size_t)min && view.len <= (size_t)max && aa_view_is_printable_ascii(view) &&
           aa_view_find(view, ' ') == SIZE_MAX;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex_key(struct aa_view text, uint8_t key[32])
{
    for (size_t i = 0; i < 32; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        key[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool aa_config_read_key(struct aa_view text, uint8_t key[32])
{
    struct aa_buf decoded;
    bool is_key;

    if (text.len == 64)
        return read_hex_key(text, key);
    aa_buf_init(&decoded, 64);
    is_key = aa_base64url_decode(text, &decoded, NULL) == AA_OK && decoded.len == 32;
    if (is_key)
        memcpy(key, decoded.data, 32);
    aa_buf_wipe_clear(&decoded);
    return is_key;
}

bool aa_config_check_master_key(const char *text, int64_t min, int64_t max, int64_t *number, const char **wanted)
{
    uint8_t key[32];
    bool good = aa_config_read_key(aa_view_of(text), key);

    (void)min;
    (void)max;
    (void)number;
    *wanted = "32 bytes as 64 hexadecimal digits or 43 characters of base64url (openssl rand -hex 32)";
    aa_mem_wipe(key, sizeof key);
    return good;
}
