/* libcurl, loaded when the server asks for something over HTTP for the first time: it brings thirty libraries with it,
 * which would be a third of the memory of a server that never does, and half of its start.
 *
 * These are its functions' names, for the linker; core calls them in its HTTP client, and curl_global_init() before all
 * others. Without libcurl that one fails, and the client says so. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#ifdef __APPLE__
#define LIBRARY "libcurl.4.dylib"
#else
#define LIBRARY "libcurl.so.4"
#endif

#define FUNCTIONS(X)                                                                                                   \
    X(curl_easy_cleanup)                                                                                               \
    X(curl_easy_getinfo)                                                                                               \
    X(curl_easy_init)                                                                                                  \
    X(curl_easy_setopt)                                                                                                \
    X(curl_easy_strerror)                                                                                              \
    X(curl_global_init)                                                                                                \
    X(curl_multi_add_handle)                                                                                           \
    X(curl_multi_cleanup)                                                                                              \
    X(curl_multi_info_read)                                                                                            \
    X(curl_multi_init)                                                                                                 \
    X(curl_multi_perform)                                                                                              \
    X(curl_multi_poll)                                                                                                 \
    X(curl_multi_remove_handle)                                                                                        \
    X(curl_multi_setopt)                                                                                               \
    X(curl_multi_wakeup)                                                                                               \
    X(curl_slist_append)                                                                                               \
    X(curl_slist_free_all)

static struct {
#define MEMBER(name) __typeof__(&name) name##_;
    FUNCTIONS(MEMBER)
#undef MEMBER
} late;

/* Every option's value is as wide as a pointer, so that one call passes them all on. */
_Static_assert(sizeof(void *) == sizeof(long) && sizeof(void *) == sizeof(curl_off_t),
               "options are passed as pointers");

/* Through memcpy: C has no cast from an object's address to a function's. */
static bool find(void *library, const char *name, void *function, size_t size)
{
    void *found = dlsym(library, name);

    memcpy(function, &found, size);
    return found != NULL;
}

CURLcode curl_global_init(long flags)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool is_whole = library != NULL;

#define FIND(name) is_whole = is_whole && find(library, #name, &late.name##_, sizeof late.name##_);
    FUNCTIONS(FIND)
#undef FIND
    return is_whole ? late.curl_global_init_(flags) : CURLE_FAILED_INIT;
}

CURL *curl_easy_init(void)
{
    return late.curl_easy_init_();
}

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    va_list arguments;
    void *value;

    va_start(arguments, option);
    value = va_arg(arguments, void *);
    va_end(arguments);
    return late.curl_easy_setopt_(easy, option, value);
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    va_list arguments;
    void *value;

    va_start(arguments, info);
    value = va_arg(arguments, void *);
    va_end(arguments);
    return late.curl_easy_getinfo_(easy, info, value);
}

const char *curl_easy_strerror(CURLcode code)
{
    return late.curl_easy_strerror_(code);
}

void curl_easy_cleanup(CURL *easy)
{
    late.curl_easy_cleanup_(easy);
}

CURLM *curl_multi_init(void)
{
    return late.curl_multi_init_();
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    va_list arguments;
    void *value;

    va_start(arguments, option);
    value = va_arg(arguments, void *);
    va_end(arguments);
    return late.curl_multi_setopt_(multi, option, value);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    return late.curl_multi_add_handle_(multi, easy);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
    return late.curl_multi_remove_handle_(multi, easy);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
    return late.curl_multi_perform_(multi, running);
}

CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd *more, unsigned int more_count, int timeout_ms, int *ready)
{
    return late.curl_multi_poll_(multi, more, more_count, timeout_ms, ready);
}

CURLMcode curl_multi_wakeup(CURLM *multi)
{
    return late.curl_multi_wakeup_(multi);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
    return late.curl_multi_info_read_(multi, left);
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
    return late.curl_multi_cleanup_(multi);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return late.curl_slist_append_(list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
    late.curl_slist_free_all_(list);
}
