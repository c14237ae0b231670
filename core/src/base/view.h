/* Small operations on views (authagent/view.h). None allocates; none reads past len. */
#ifndef AA_BASE_VIEW_H
#define AA_BASE_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "authagent/error.h"
#include "authagent/view.h"

/* A view of a string literal. */
#define AA_VIEW(literal) ((struct aa_view){("" literal), sizeof(literal) - 1})
#define AA_VIEW_ABSENT ((struct aa_view){NULL, 0})

/* "%.*s" with AA_VIEW_ARGS(view) prints a view. */
#define AA_VIEW_ARGS(view) (int)(view).len, ((view).data ? (view).data : "")

static inline struct aa_view aa_view_of(const char *text) /* NULL gives the absent view */
{
    return (struct aa_view){text, text ? strlen(text) : 0};
}

static inline struct aa_view aa_view_make(const void *data, size_t len)
{
    return (struct aa_view){data, len};
}

static inline bool aa_view_is_absent(struct aa_view view)
{
    return view.data == NULL;
}

/* Byte for byte. Not for secrets: see aa_ct_equal(). Absent equals only absent. */
bool aa_view_equal(struct aa_view a, struct aa_view b);
bool aa_view_equal_text(struct aa_view a, const char *text);
/* ASCII letters compared without case. */
bool aa_view_equal_nocase(struct aa_view a, struct aa_view b);
bool aa_view_has_prefix(struct aa_view view, struct aa_view prefix);
bool aa_view_has_suffix(struct aa_view view, struct aa_view suffix);
/* From offset to the end; empty when offset is past the end. */
struct aa_view aa_view_from(struct aa_view view, size_t offset);
struct aa_view aa_view_slice(struct aa_view view, size_t offset, size_t len);
/* Cuts view at the first `separator`: *head is what stands before it, *tail what stands behind. Without one,
 * *head is all, *tail is absent and the answer is false. */
bool aa_view_cut(struct aa_view view, char separator, struct aa_view *head, struct aa_view *tail);
/* Index of the first `wanted`, or SIZE_MAX. */
size_t aa_view_find(struct aa_view view, char wanted);
/* Without spaces and tabs at both ends (HTTP's OWS, RFC 9110 §5.6.3). */
struct aa_view aa_view_trim(struct aa_view view);
/* True for well-formed UTF-8 without NUL, overlong forms or surrogates (RFC 3629). */
bool aa_view_is_utf8(struct aa_view view);
/* Bytes of the well-formed UTF-8 sequence the view begins with; 0 when it begins with none, or with NUL. */
size_t aa_view_utf8_len(struct aa_view view);
/* True when every byte is one of printable ASCII 0x20–0x7E. */
bool aa_view_is_printable_ascii(struct aa_view view);
/* Decimal digits only, no sign, no leading zero but "0" itself, at most INT64_MAX. AA_OK or AA_ERR_NUMBER_RANGE. */
AA_CHECK enum aa_err aa_view_parse_int64(struct aa_view view, int64_t *out);

#endif
