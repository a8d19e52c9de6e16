/* SPDX-License-Identifier: Apache-2.0
 * Certificates made while a test runs, for those that need more than the fixture has: a root and any
 * number of ends, P-256, good from 2020 to 2100. OpenSSL. Tests only. */
#ifndef NHTB_TESTS_PKI_ISSUE_H
#define NHTB_TESTS_PKI_ISSUE_H

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { PKI_PEM_MAX = 2048 };

typedef struct pki_ca {
    X509 *cert;
    EVP_PKEY *key;
    long serial;
} pki_ca;

typedef struct pki_pem {
    char cert[PKI_PEM_MAX], key[PKI_PEM_MAX];
} pki_pem;

static inline void pki_extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    cr_assert(e && X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

/** Not signed yet. */
static inline X509 *pki_body(const char *cn, EVP_PKEY *key, long serial)
{
    X509 *x = X509_new();
    cr_assert(x && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial));
    cr_assert(ASN1_TIME_set(X509_getm_notBefore(x), 1577836800));
    cr_assert(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "21000101000000Z"));
    cr_assert(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                         (const unsigned char *)cn, -1, -1, 0));
    cr_assert(X509_set_pubkey(x, key));
    return x;
}

static inline void pki_text_of(BIO *b, char out[PKI_PEM_MAX])
{
    char *p;
    long n = BIO_get_mem_data(b, &p);
    cr_assert(n > 0 && n < PKI_PEM_MAX);
    memcpy(out, p, (size_t)n);
    out[n] = 0;
    BIO_free(b);
}

static inline void pki_write(X509 *x, EVP_PKEY *key, pki_pem *out)
{
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
    cr_assert(PEM_write_bio_X509(c, x) &&
              PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL));
    pki_text_of(c, out->cert);
    pki_text_of(k, out->key);
}

static inline void pki_ca_new(pki_ca *ca, pki_pem *out)
{
    ca->key = EVP_EC_gen("P-256");
    ca->serial = 1;
    ca->cert = pki_body("Root of a test", ca->key, ca->serial);
    X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert));
    pki_extend(ca->cert, NID_basic_constraints, "critical,CA:TRUE");
    pki_extend(ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    cr_assert(X509_sign(ca->cert, ca->key, EVP_sha256()));
    pki_write(ca->cert, ca->key, out);
}

/** An end with one DNS name. */
static inline void pki_issue(pki_ca *ca, const char *dns, pki_pem *out)
{
    char san[128];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = pki_body(dns, key, ++ca->serial);
    snprintf(san, sizeof san, "DNS:%s", dns);
    X509_set_issuer_name(x, X509_get_subject_name(ca->cert));
    pki_extend(x, NID_subject_alt_name, san);
    pki_extend(x, NID_key_usage, "critical,digitalSignature");
    cr_assert(X509_sign(x, ca->key, EVP_sha256()));
    pki_write(x, key, out);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void pki_ca_del(pki_ca *ca)
{
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
}

#endif
