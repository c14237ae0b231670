#include "jose/algorithm.h"

static const struct {
    const char *name;
    enum aa_alg alg;
} algorithms[] = {
    {"ES256", AA_ALG_ES256}, {"RS256", AA_ALG_RS256},   {"PS256", AA_ALG_PS256},
    {"EdDSA", AA_ALG_EDDSA}, {"Ed25519", AA_ALG_EDDSA},
};

enum aa_alg aa_alg_find(struct aa_view name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (aa_view_equal_text(name, algorithms[i].name))
            return algorithms[i].alg;
    return AA_ALG_NONE;
}

const char *aa_alg_at(size_t index)
{
    return index < sizeof algorithms / sizeof algorithms[0] ? algorithms[index].name : NULL;
}

const char *aa_alg_name(enum aa_alg alg)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (algorithms[i].alg == alg)
            return algorithms[i].name;
    return NULL;
}
