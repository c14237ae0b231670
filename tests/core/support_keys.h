/* Keys and signatures of the standards, and a few of our own making, as tests write them down. */
#ifndef AA_TESTS_CORE_SUPPORT_KEYS_H
#define AA_TESTS_CORE_SUPPORT_KEYS_H

#include "base/buf.h"
#include "crypto/key.h"
#include "support/test.h"

/* RFC 7515 appendix A.3: the key of ES256, its token and the token's parts. */
#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define P256_PKCS8                                                                                                     \
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104208e9b109e719098bf980487df"                 \
    "1f5d77e9cb29606ebed2263b5f57c213df84f4b2a144034200047fcdce2770f6c45d4183cbee6fdb4b7b580733357be9"                 \
    "ef13bacf6e3c7bd15445c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
#define JOE_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define ES256_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define ES256_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define ES256_TOKEN ES256_HEADER "." JOE_PAYLOAD "." ES256_SIGNATURE

/* RFC 7515 appendix A.2: the same with RS256. */
#define RSA_N                                                                                                          \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"                 \
    "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs"                 \
    "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"                 \
    "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RS256_HEADER "eyJhbGciOiJSUzI1NiJ9"
#define RS256_SIGNATURE                                                                                                \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG"                 \
    "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"                 \
    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6"                 \
    "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define RS256_TOKEN RS256_HEADER "." JOE_PAYLOAD "." RS256_SIGNATURE

/* RFC 8037 appendix A.4: Ed25519; what is signed there is no JSON. */
#define ED25519_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED25519_MESSAGE "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define ED25519_SIGNATURE "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

/* An RSA key of 2048 bits and "message" signed with it: PSS with a salt of 32 bytes, PSS with one of 20, PKCS #1 v1.5.
 */
#define PSS_N                                                                                                          \
    "5oNwRGXGz8_SSXh2y6qnDNQa5fVNY9YnReWu_dGsmTfGSjR3PnsT2EFpXrcxJLFbT37-M5vtgS34ez970zzy7-Jz3j4d1WpR"                 \
    "8oAlVzQlE1mWx6b_i4juxQpObz6XlZJAeJRTEOME6epoZtXTBEscF2RoUsenyBdjYpfM-q1__3ELTaCRnXxDExW2UDgWZa5I"                 \
    "i1yBhOFqSnrCCkaXPcUsJZvY2AT4BNaVE5tkw9ngj2fVq9MbOou9hgny6LT60bhXDhtPKmEIwLhzIwrdTYKIrwvyyEAMQa8v"                 \
    "SAkKGxFYoWMb3FoxRRxoVGGHJo0jLogo7JBgpl-ajt3yfOu2xE0qGw"
#define PSS_SIGNATURE                                                                                                  \
    "0xoMwfLjOZXuvsTUKMbenI9exPExGskchlDUVyNAqLCecEyLbevMR6IjLjDsr_5DKe-llVFhEfDXVi65Wf10F7GSQJwkxXIr"                 \
    "Kn_Yr0dtSt3BGg3vCePaRmFdjLaExvvIedkksrEiznex6ptdwjoGH1ndy_rAq9tRq44-_3wlbdo97HQBg4QjzUFMJWdvFIEb"                 \
    "mWUlqYIGXjmRfv42IacCA2LCNiV93Gj7L3oPi3PzLP8374E8ERPomnpxHPC7a5SY2Poc1BhuKhHObVXTi35ZGub0Wf0EoAGz"                 \
    "bOLtY6AAr1KpmH5IuNiJUb58NaWhwmoDelKRHKdOzSeUmf7p37wKvg"
#define PSS_SIGNATURE_SALT_20                                                                                          \
    "4eMwSEqQmN2eVmHg6-RgT4KiYVP8jJ9wSaVa8mBXAdEcZludtO3WWzOrau4vX1lMfIlW4S9bfpJXLWW7yQnj1OB1h6EEF0fm"                 \
    "hsTVZZALgA7hhQRPD-If18SLT3J_7Xizf8usWh2seJXb29lbPdMWqvA47KjC4EBBpb9UNKKDJ7RNvHaZUvnsWi_xEna7yCSp"                 \
    "SpftvMctEQeZ0Z2_5KSD5tXKIqWDauSyqs7dY1ovWQvx47euaACaZwbrvCD1SMuLXIuCvAs48f_0SI2eSPN1S2EK_QzyI4uJ"                 \
    "Wxp3hbm60lIOdo_eL93UPrNQ-OS4s58EZLixpN3QL2tCSJG43uo0Mw"
#define PKCS1_SIGNATURE                                                                                                \
    "JjFCDbj4L3dDYmxsLCkAVExc_Xu2TttTHTdauKbu9LfHxJofeDbAZWHsuDIyWnaJ_7vzGUcWeGz3R5vqfP2Pz6VGj4TqvXlO"                 \
    "4sPLdSyLjYZHhftCWpIo90FO0Tb0XOGdR2GorPooNNuGt_k-SykuJ1tagnRzSu_XCa5ZNurGe5Ad5VtbczcpYLrKh0bwRYR8"                 \
    "xOi7RotSftIiFuCDCyJmIHE6WnCruRRC2Ae0l5smDV1BNjSbx5KzoEpAlsGkiZU4FRHbdM92UIR2zwyyb5557pB220Q4qBut"                 \
    "Od6WHIz0EF13HS0qXORW5bfUrT6gbkJwtgJGkS-NhqXrNsqZegK0cA"

/* Keys that we do not take. */
#define RSA_1024_N                                                                                                     \
    "puQXBS_tSzEVfhq_BTVC6AuhGkmc6qWi2K1F4ab6-nPSXbY_n86MJCocJNQPjwj6rhZUYsJuvX1kTC9oQ6HCFY-_cT9qtjmO"                 \
    "UFLfKXCqU0FJgQNSKh7t1DsARx9kW0Ush5-ua7yHDH3IVvdl0N-EbEHtJbPh1r5T_roKMCjZT7E"
#define P384_PKCS8                                                                                                     \
    "3081b6020100301006072a8648ce3d020106052b8104002204819e30819b020101043000000000000000000000000000"                 \
    "0000000000000000000000000000000000000000000000000000000000000000003039a16403620004e86b995e350e4d"                 \
    "312a95a6b7d5d8cdcdb4682f588800a1cd6c972e1dcb2a5ac38d90046951b03ccb3b179a89fda88b1b485b9f2c1f44b0"                 \
    "dd41ce6e3c3a690bbfaabec1e1ff4aefb2461fdda6629becbd43cf74c13d8c1a1625612243f0046148"

/* The public P-256 key above; release it. */
struct aa_key *new_p256(void);
/* Its private half. */
struct aa_key *new_p256_private(void);
struct aa_key *new_rsa(const char *n, enum aa_alg alg);
struct aa_key *new_ed25519(void);

/* The bytes that a text in base64url or hex stands for. They live until the eighth call from now. */
struct aa_view from_base64url(const char *text);
struct aa_view from_hex(const char *text);

#endif
