/* SPDX-License-Identifier: Apache-2.0
 * Name constraints: each form of name against permitted and excluded subtrees; what cannot be read or
 * is of a form that cannot be judged allows nothing. RFC 5280 4.2.1.10. */
#include "pki/der_text.h"

#define PERMIT(trees)  "30{a0{" trees "}}"
#define EXCLUDE(trees) "30{a1{" trees "}}"
#define MAILBOX(text)  "30{81{'" text "'}}"
#define DNS(text)      "30{82{'" text "'}}"
#define URI(text)      "30{86{'" text "'}}"
#define MAIL_SUBJECT   "30{31{30{06{2a864886f70d010901}16{'ann@example.org'}}}}"

static bool allowed(const char *san, const char *subject, const char *constraints)
{
    der_buf d, nc;
    nhi_cert c;
    char more[1024];
    snprintf(more, sizeof more, "a3{30{30{06{551d11}04{30{%s}}}}}", san ? san : "");
    const char *with[CERT_PARTS] = {[CERT_SUBJECT] = subject, [CERT_MORE] = san ? more : NULL};
    cr_assert(nhi_cert_read(&c, der_cert(&d, with)), "%s", san);
    return nhi_cert_name_allowed(&c, der_text(&nc, constraints));
}

Test(constraint, alternative_names_are_held_against_trees_of_their_form)
{
    static const struct {
        const char *san, *constraints;
        bool allowed;
    } v[] = {
        {"82{'a.example'}", PERMIT(DNS("example")), true},
        {"82{'A.EXAMPLE'}", PERMIT(DNS("example")), true},
        {"82{'example'}", PERMIT(DNS("example")), true},
        {"82{'badexample'}", PERMIT(DNS("example")), false},
        {"82{'a.example'}", PERMIT(DNS(".example")), true},
        {"82{'example'}", PERMIT(DNS(".example")), false},
        {"82{'ple'}", PERMIT(DNS("example")), false},
        {"82{'anything'}", PERMIT(DNS("")), true},
        {"82{'a.example'}", EXCLUDE(DNS("example")), false},
        {"82{'a.other'}", EXCLUDE(DNS("example")), true},
        {"82{'a.example'}82{'a.other'}", PERMIT(DNS("example")), false}, /* each of them */
        {"82{'a.example'}82{'a.other'}", PERMIT(DNS("example") DNS("other")), true},
        {"82{'a.example'}", "30{a0{" DNS("example") "}a1{" DNS("a.example") "}}", false},
        {"82{'a.example'}", PERMIT(MAILBOX("example")), true}, /* no tree of its form */
        /* mailboxes: one box, all of a host, all below a domain */
        {"81{'ann@example.org'}", PERMIT(MAILBOX("ann@example.org")), true},
        {"81{'ann@EXAMPLE.org'}", PERMIT(MAILBOX("ann@example.org")), true},
        {"81{'Ann@example.org'}", PERMIT(MAILBOX("ann@example.org")), false},
        {"81{'bob@example.org'}", PERMIT(MAILBOX("ann@example.org")), false},
        {"81{'joann@example.org'}", PERMIT(MAILBOX("ann@example.org")), false},
        {"81{'ann@example.com'}", PERMIT(MAILBOX("ann@example.org")), false},
        {"81{'ann@example.org'}", PERMIT(MAILBOX("example.org")), true},
        {"81{'ann@a.example.org'}", PERMIT(MAILBOX("example.org")), false},
        {"81{'ann@a.example.org'}", PERMIT(MAILBOX(".example.org")), true},
        {"81{'ann@example.org'}", PERMIT(MAILBOX(".example.org")), false},
        {"81{'ann@example.org'}", PERMIT(MAILBOX("")), false},
        {"81{'ann'}", PERMIT(MAILBOX("example.org")), false},
        {"81{'ann@'}", PERMIT(MAILBOX("example.org")), false},
        /* the host of a URI */
        {"86{'http://a.example/x'}", PERMIT(URI("a.example")), true},
        {"86{'http://a.example'}", PERMIT(URI("a.example")), true},
        {"86{'http://a.example?q'}", PERMIT(URI("a.example")), true},
        {"86{'http://a.example#f'}", PERMIT(URI("a.example")), true},
        {"86{'http://a.example:8080/'}", PERMIT(URI("a.example")), true},
        {"86{'http://u:p@a.example:80/'}", PERMIT(URI("a.example")), true},
        {"86{'http://a.example@evil/'}", PERMIT(URI("a.example")), false},
        {"86{'http://evil/a.example'}", PERMIT(URI("a.example")), false},
        {"86{'http://b.a.example/'}", PERMIT(URI(".a.example")), true},
        {"86{'http://a.example/'}", PERMIT(URI(".a.example")), false},
        {"86{'urn:a.example'}", PERMIT(URI("a.example")), false},
        {"86{'http://'}", PERMIT(URI("a.example")), false},
        {"86{'x'}", PERMIT(URI("a.example")), false},
        /* addresses with their masks */
        {"87{0a010203}", PERMIT("30{87{0a010000ffff0000}}"), true},
        {"87{0a020203}", PERMIT("30{87{0a010000ffff0000}}"), false},
        {"87{0a020203}", PERMIT("30{87{0a010000ffff0000}}30{87{0a020000ffff0000}}"), true},
        {"87{0a010203}", PERMIT("30{87{0a010000ffff}}"), false},
        {"87{20010db8000000000000000000000001}", PERMIT("30{87{0a010000ffff0000}}"), false},
        {"87{0a010203}", EXCLUDE("30{87{0a010000ffff0000}}"), false},
        /* directory names among the alternatives */
        {"a4{" DER_CN("leaf") "}", PERMIT("30{a4{" DER_CN("leaf") "}}"), true},
        {"a4{" DER_CN("other") "}", PERMIT("30{a4{" DER_CN("leaf") "}}"), false},
        /* forms nobody judges */
        {"88{2a03}", PERMIT(DNS("example")), true}, /* a name of a form without a tree */
        {"82{'a.example'}", PERMIT(DNS("example") "30{88{2a03}}"), false},
        {"82{'a.example'}", EXCLUDE("30{88{2a03}}"), false},
        {"82{'a.example'}", PERMIT("30{82{'example'}80{00}}"), false}, /* minimum */
        {"82{'a.example'}", PERMIT("30{}"), false},
        {"82{'a.example'}", PERMIT("31{82{'example'}}"), false},
        {"82{'a.example'}", "30{}", true},
        {"82{'a.example'}", "30{a2{}}", false},
        {"82{'a.example'}", "30{a1{}a0{}}", false}, /* in the wrong order */
        {"82{'a.example'}", "30{}0500", false},
        {"82{'a.example'}", "31{}", false},
        {"82{'a.example'}9f00", "30{}", false}, /* names that cannot be read */
        {"}30{", "30{}", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        cr_expect_eq(allowed(v[i].san, NULL, v[i].constraints), v[i].allowed, "%zu: %s in %s", i,
                     v[i].san, v[i].constraints);
}

Test(constraint, subjects_are_names_too)
{
    static const struct {
        const char *san, *subject, *constraints;
        bool allowed;
    } v[] = {
        {NULL, DER_CN("leaf"), PERMIT("30{a4{" DER_CN("leaf") "}}"), true},
        {NULL, DER_CN("other"), PERMIT("30{a4{" DER_CN("leaf") "}}"), false},
        {NULL, DER_CN("leaf"), EXCLUDE("30{a4{" DER_CN("leaf") "}}"), false},
        {NULL, "30{}", PERMIT("30{a4{" DER_CN("leaf") "}}"), true}, /* none */
        {NULL, DER_CN("leaf"), PERMIT("30{a4{30{}}}"), true},       /* of everything */
        /* a mailbox in the subject counts where no other is named */
        {NULL, MAIL_SUBJECT, PERMIT(MAILBOX("example.org")), true},
        {NULL, MAIL_SUBJECT, PERMIT(MAILBOX("example.com")), false},
        {NULL, MAIL_SUBJECT, EXCLUDE(MAILBOX("example.org")), false},
        {"82{'a.example'}", MAIL_SUBJECT, PERMIT(MAILBOX("example.com")), false},
        {"81{'b@example.com'}", MAIL_SUBJECT, PERMIT(MAILBOX("example.com")), true},
        {NULL, DER_CN("ann@example.org"), PERMIT(MAILBOX("example.com")), true}, /* a common name */
        {NULL,
         "30{31{30{06{550403}0c{'x'}}30{06{2a864886f70d010901}16{'ann@example.org'}}}"
         "31{30{06{2a864886f70d010901}16{'ann@example.com'}}}}",
         PERMIT(MAILBOX("example.org")), false}, /* each of them */
        {NULL, "30{31{30{06{2a864886f70d010902}16{'ann@example.org'}}}}",
         PERMIT(MAILBOX("example.com")), true},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        cr_expect_eq(allowed(v[i].san, v[i].subject, v[i].constraints), v[i].allowed, "%zu", i);
}
