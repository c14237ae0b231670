#include "request.h"

#include "fuzz.h"

/* The fields up to the empty line; what stands behind it is the body. */
static void take_fields(struct aa_view rest, struct fuzz_request *out)
{
    struct aa_request *request = &out->request;

    request->body = AA_VIEW("");
    while (!aa_view_is_absent(rest)) {
        struct aa_view line = fuzz_take_line(&rest), name, value;

        if (line.len == 0) {
            request->body = aa_view_is_absent(rest) ? AA_VIEW("") : rest;
            return;
        }
        aa_view_cut(line, ':', &name, &value);
        if (request->header_count == AA_HTTP_HEADERS_MAX)
            out->head.has_more_fields = true;
        else
            request->headers[request->header_count++] = (struct aa_header){name, aa_view_trim(value)};
    }
}

const struct aa_http_refusal *fuzz_read_request(struct aa_view text, struct fuzz_request *out)
{
    struct aa_view rest = text, first = fuzz_take_line(&rest), method;

    *out = (struct fuzz_request){.head = {.head_len = text.len}};
    out->head.request = &out->request;
    aa_view_cut(first, ' ', &method, &out->target);
    out->request.method = aa_method_parse(method);
    out->request.peer = AA_VIEW("192.0.2.1");
    out->head.target_len = out->target.len;
    out->head.is_target_good = aa_target_parse(out->target, &out->request);
    take_fields(rest, out);
    out->head.head_len -= out->request.body.len;
    return aa_head_check(&out->head);
}

void fuzz_check_answer(const struct aa_response *response)
{
    MUST(response->status >= 200 && response->status < 500 && response->complaint == NULL);
    for (size_t i = 0; i < response->header_count; i++) {
        struct aa_view name, value = aa_response_get_header(response, i, &name);

        MUST(name.len > 0 && aa_header_is_value(value));
    }
    if (aa_view_equal_text(aa_response_find_header(response, "Content-Type"), "application/json") && response->body.len)
        aa_json_free(fuzz_must_be_json(&response->body));
}
