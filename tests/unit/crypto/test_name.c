/* SPDX-License-Identifier: Apache-2.0
 * Distinguished names that no text makes: sets of several attributes, other string types, object
 * identifiers without a word, long values, too many of them. RFC 5280 7.1, RFC 4514. */
#include <nhtb/pki.h>

#include "pki/der_text.h"

#define CN(tag, text) "30{06{550403}" tag "{'" text "'}}"
#define OU(text)      "30{06{55040b}0c{'" text "'}}"

Test(name, what_is_no_name_is_refused)
{
    static const struct {
        const char *der;
        bool valid;
    } v[] = {
        {"30{}", true},
        {"30{31{" CN("0c", "a") "}}", true},
        {"30{31{" CN("0c", "a") OU("b") "}}", true},
        {"", false},
        {"31{}", false},
        {"30{}30{}", false},
        {"30{31{}}", false},
        {"30{30{" CN("0c", "a") "}}", false},
        {"30{31{" CN("0c", "a") "0500}}", false},
        {"30{31{30{06{550403}}}}", false},
        {"30{31{30{0c{'a'}}}}", false},
        {"30{31{30{06{550403}0c{'a'}0c{'b'}}}}", false},
        {"30{31{" CN("0c", "a") "}3102}", false},
        {"30{31{" CN("0c", "a") "}31}", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        cr_expect_eq(nhi_dn_valid(der_text(&d, v[i].der)), v[i].valid, "%zu", i);
    }
}

Test(name, at_most_32_attributes)
{
    for (unsigned n = 32; n <= 33; n++)
        for (unsigned sets = 0; sets < 2; sets++) {
            char text[DER_TEXT_MAX] = "30{", shown[2000], words[400] = "";
            der_buf d;
            strcat(text, sets ? "" : "31{");
            for (unsigned i = 0; i < n; i++)
                strcat(text, sets ? "31{" OU("x") "}" : OU("x"));
            strcat(text, sets ? "}" : "}}");
            nhtb_span s = der_text(&d, text);
            cr_assert_eq(nhi_dn_valid(s), n == 32);
            nhtb_dn_format(s, shown, sizeof shown);
            cr_assert_eq(strcmp(shown, "?") == 0, n == 33);
            for (unsigned i = 0; i < n; i++)
                strcat(words, i ? ", OU=x" : "OU=x");
            size_t room = sizeof d.b;
            cr_assert_eq(nhtb_dn_parse(words, d.b, &room), n == 32 ? 0 : NHTB_ERR_ARG);
        }
}

Test(name, equal_within_and_chained)
{
    static const struct {
        const char *a, *b;
        bool equal, within, chains;
    } v[] = {
        {"30{31{" CN("0c", "a") "}}", "30{31{" CN("13", "A") "}}", true, true, true},
        {"30{31{" CN("0c", "a") "}}", "30{31{" CN("14", "a") "}}", true, true, true},
        {"30{31{" CN("0c", "a") "}}", "30{31{" CN("16", "a") "}}", true, true, true},
        {"30{31{" CN("0c", "a") "}}", "30{31{" CN("1e", "a") "}}", false, false, false}, /* BMP */
        {"30{31{" CN("1e", "a") "}}", "30{31{" CN("1e", "a") "}}", true, true, true},
        {"30{31{" CN("1e", "a") "}}", "30{31{" CN("1e", "A") "}}", false, false, false},
        {"30{31{" CN("1e", "a") "}}", "30{31{" CN("1c", "a") "}}", false, false, false},
        {"30{31{" CN("0c", "a  b") "}}", "30{31{" CN("0c", "a b") "}}", true, true, false},
        {"30{31{" CN("0c", "ab") "}}", "30{31{" CN("0c", "ac") "}}", false, false, false},
        {"30{31{" CN("0c", "a") "}}", "30{31{" OU("a") "}}", false, false, false},
        /* one set of two is neither two sets nor one of its parts */
        {"30{31{" CN("0c", "a") OU("b") "}}", "30{31{" CN("0c", "a") OU("b") "}}", true, true,
         true},
        {"30{31{" CN("0c", "a") OU("b") "}}", "30{31{" CN("0c", "a") "}31{" OU("b") "}}", false,
         false, false},
        {"30{31{" CN("0c", "a") "}}", "30{31{" CN("0c", "a") OU("b") "}}", false, false, false},
        {"30{31{" CN("0c", "a") "}}", "30{31{" CN("0c", "a") "}31{" OU("b") "}}", false, true,
         false},
        {"30{}", "30{31{" CN("0c", "a") "}}", false, true, false},
        {"30{}", "30{}", true, true, true},
        {"31{}", "30{}", false, false, false},
        {"30{}", "31{}", false, false, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf x, y;
        nhtb_span a = der_text(&x, v[i].a), b = der_text(&y, v[i].b);
        cr_expect_eq(nhi_dn_equal(a, b), v[i].equal, "%zu equal", i);
        cr_expect_eq(nhi_dn_within(a, b), v[i].within, "%zu within", i);
        cr_expect_eq(nhi_dn_chains(a, b), v[i].chains, "%zu chains", i);
    }
}

Test(name, patterns_of_nothing_or_of_other_strings_match_nothing)
{
    static const char name[] = "30{31{" CN("0c", "a") "}31{" OU("b") "}}";
    static const struct {
        const char *pattern, *name;
        bool match;
    } v[] = {
        {"30{}", name, false},
        {"31{}", name, false},
        {"30{31{" CN("0c", "*") "}}", "31{}", false},
        {"30{31{" CN("0c", "*") "}}", name, true},
        {"30{31{" CN("1e", "*") "}}", name, false}, /* no text, so no star */
        {"30{31{" CN("0c", "**") "}}", name, false},
        {"30{31{" CN("0c", "") "}}", name, false},
        {"30{31{" CN("0c", "a") OU("b") "}}", name, true}, /* sets do not matter */
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf x, y;
        nhtb_span a = der_text(&x, v[i].pattern), b = der_text(&y, v[i].name);
        cr_expect_eq(nhi_dn_match(NHI_DN_WILDCARD, a, b), v[i].match, "%zu", i);
        cr_expect_eq(nhi_dn_match(NHI_DN_CONTAINER, a, b), v[i].match, "%zu", i);
    }
}

Test(name, sets_and_unknown_types_are_shown)
{
    static const struct {
        const char *der, *text;
    } v[] = {
        {"30{31{" CN("0c", "a") OU("b") "}31{" OU("c") "}}", "CN=a + OU=b, OU=c"},
        {"30{31{30{06{2a030405}0c{'x'}}}}", "1.2.3.4.5=x"},
        {"30{31{30{06{00}0c{'x'}}}}", "0.0=x"},
        {"30{31{30{06{4f}0c{'x'}}}}", "1.39=x"},
        {"30{31{30{06{50}0c{'x'}}}}", "2.0=x"},
        {"30{31{30{06{8837}0c{'x'}}}}", "2.999=x"},
        {"30{31{30{06{2b06010401b84c}0c{'x'}}}}", "1.3.6.1.4.1.7244=x"},
        {"30{31{30{06{550464}0c{'x'}}}}", "2.5.4.100=x"},
        {"30{31{" CN("0c", "a,b") "}}", "CN=a\\,b"},
        {"30{31{}}", "?"},
        {"30{}", ""},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        char text[128];
        size_t n = nhtb_dn_format(der_text(&d, v[i].der), text, sizeof text);
        cr_expect_str_eq(text, v[i].text, "%zu", i);
        cr_expect_eq(n, strlen(v[i].text));
    }
}

Test(name, long_values_and_names_come_back)
{
    static const size_t lengths[] = {1, 100, 113, 114, 115, 116, 117, 118, 119, 120, 126, 127};
    for (size_t i = 0; i < NHI_ARRAY_LEN(lengths); i++)
        for (unsigned count = 1; count <= 3; count++) {
            char text[512] = "", shown[512];
            uint8_t der[600];
            size_t n = sizeof der;
            for (unsigned k = 0; k < count; k++) {
                size_t at = strlen(text);
                snprintf(text + at, sizeof text - at, "%sCN=", k ? ", " : "");
                at = strlen(text);
                memset(text + at, 'a' + (int)k, lengths[i]);
                text[at + lengths[i]] = 0;
            }
            cr_assert_eq(nhtb_dn_parse(text, der, &n), 0, "%zu", lengths[i]);
            cr_assert(nhi_dn_valid((nhtb_span){der, n}), "%zu of %zu", (size_t)count, lengths[i]);
            nhtb_dn_format((nhtb_span){der, n}, shown, sizeof shown);
            cr_assert_str_eq(shown, text);
            size_t room = n - 1;
            cr_assert_eq(nhtb_dn_parse(text, der, &room), NHTB_ERR_SHORT);
        }
    char big[132] = "CN=";
    uint8_t der[600];
    size_t n = sizeof der;
    memset(big + 3, 'x', 128);
    cr_assert_eq(nhtb_dn_parse(big, der, &n), NHTB_ERR_ARG, "128 octets are too many");
    cr_assert_eq(nhtb_dn_parse(NULL, der, &n), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_dn_parse("CN=a", NULL, &n), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_dn_parse("CN=a", der, NULL), NHTB_ERR_ARG);
}
