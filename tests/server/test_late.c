/* What a server that stores in a file and asks nobody has no use for is not loaded. */
#include <dlfcn.h>

#include "db/db.h"
#include "net/fetch.h"
#include "net/http.h"
#include "support/test.h"

static bool is_loaded(const char *library)
{
    void *found = dlopen(library, RTLD_NOW | RTLD_NOLOAD);

    if (found)
        dlclose(found);
    return found != NULL;
}

TEST(late, a_database_in_a_file_needs_no_library_of_postgresql)
{
    struct aa_db_options options = {.url = ":memory:", .migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    CHECK_OK(aa_db_open(&options, &db, &err));
    aa_db_close(db);
    CHECK(!is_loaded("libpq.so.5"));
    options.url = "postgresql:///x?host=/nowhere";
    CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_STORE);
    CHECK(is_loaded("libpq.so.5"));
}

TEST(late, curl_is_loaded_with_the_first_http_client)
{
    struct aa_http_settings settings = {.connect_timeout_ms = 1000, .timeout_ms = 1000};
    struct aa_http *http = NULL;

    CHECK(!is_loaded("libcurl.so.4"));
    CHECK_OK(aa_http_new(&settings, &http, NULL));
    CHECK(is_loaded("libcurl.so.4"));
    aa_http_free(http);
}

TEST(late, a_fetch_judges_addresses_with_the_curl_that_was_loaded)
{
    struct aa_fetch_settings settings = {.connect_timeout_ms = 5000, .timeout_ms = 5000, .body_max = 1};
    struct aa_fetched fetched = {0};

    CHECK_ERR(aa_fetch(&settings, "https://127.0.0.1:1/", &fetched, NULL), AA_ERR_REMOTE_FORBIDDEN);
    settings.allow_loopback = true;
    CHECK_ERR(aa_fetch(&settings, "https://127.0.0.1:1/", &fetched, NULL), AA_ERR_REMOTE_UNREACHABLE);
}
