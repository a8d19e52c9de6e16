/* SPDX-License-Identifier: Apache-2.0
 * Tables for people, with Junos' columns and words. Column widths follow the content. Rows come
 * from the gateway; a missing member prints as "-". */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL    160
#define COLUMNS 16

typedef struct column {
    const char *title;
    /* writes the cell of one row */
    void (*cell)(const cJSON *row, char *dst, size_t n, const char *key);
    const char *key;
} column;

static const cJSON *member(const cJSON *row, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(row, key);
}

static const char *text(const cJSON *row, const char *key)
{
    const cJSON *v = member(row, key);
    return cJSON_IsString(v) ? v->valuestring : "-";
}

static double number(const cJSON *row, const char *key)
{
    const cJSON *v = member(row, key);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static bool yes(const cJSON *row, const char *key)
{
    return cJSON_IsTrue(member(row, key));
}

/* ---- cells ---- */

static void cell_text(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "%s", text(row, key));
}

static void cell_number(const cJSON *row, char *dst, size_t n, const char *key)
{
    if (cJSON_IsNumber(member(row, key)))
        snprintf(dst, n, "%.0f", number(row, key));
    else
        snprintf(dst, n, "-");
}

static void cell_up(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "%s", yes(row, key) ? "UP" : "DOWN");
}

static void cell_hex(const cJSON *row, char *dst, size_t n, const char *key)
{
    const char *t = text(row, key);
    snprintf(dst, n, "%s", strncmp(t, "0x", 2) == 0 ? t + 2 : t);
}

static void cell_life(const cJSON *row, char *dst, size_t n, const char *key)
{
    if (cJSON_IsNumber(member(row, key)))
        snprintf(dst, n, "%.0f/ unlim", number(row, key));
    else
        snprintf(dst, n, "unlim/ unlim");
}

static void cell_esp(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "ESP:%s", text(row, key));
}

static void cell_port(const cJSON *row, char *dst, size_t n, const char *key)
{
    const double p = number(row, key);
    if (p < 1)
        snprintf(dst, n, "-"); /* native ESP */
    else
        snprintf(dst, n, "%.0f", p);
}

static void cell_tunnels(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "%.0f/%.0f", number(row, "tunnels_up"), number(row, key));
}

static void cell_vpns(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "%.0f/%.0f", number(row, "vpns_up"), number(row, key));
}

static void cell_connections(const cJSON *row, char *dst, size_t n, const char *key)
{
    if (!cJSON_IsNumber(member(row, key)))
        snprintf(dst, n, "-");
    else if (!cJSON_IsNumber(member(row, "connection_limit")))
        snprintf(dst, n, "%.0f", number(row, key));
    else
        snprintf(dst, n, "%.0f of %.0f", number(row, key), number(row, "connection_limit"));
}

static void cell_origin(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "%s", yes(row, key) ? "configuration" : "first use");
}

/* ---- generic table ---- */

static void print_table(const cJSON *rows, const column *c, size_t n)
{
    size_t width[COLUMNS] = {0};
    char t[CELL];
    for (size_t i = 0; i < n; i++)
        width[i] = strlen(c[i].title);
    for (const cJSON *r = rows->child; r != NULL; r = r->next)
        for (size_t i = 0; i < n; i++) {
            c[i].cell(r, t, sizeof t, c[i].key);
            if (strlen(t) > width[i])
                width[i] = strlen(t);
        }
    for (size_t i = 0; i < n; i++)
        printf("%-*s%s", i + 1 < n ? (int)width[i] : 0, c[i].title, i + 1 < n ? "  " : "\n");
    for (const cJSON *r = rows->child; r != NULL; r = r->next)
        for (size_t i = 0; i < n; i++) {
            c[i].cell(r, t, sizeof t, c[i].key);
            printf("%-*s%s", i + 1 < n ? (int)width[i] : 0, t, i + 1 < n ? "  " : "\n");
        }
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void print_ike_sa(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Index", cell_number, "index"},
        {"State", cell_up, "up"},
        {"Initiator cookie", cell_hex, "initiator_cookie"},
        {"Responder cookie", cell_hex, "responder_cookie"},
        {"Mode", cell_text, "mode"},
        {"Remote Address", cell_text, "remote_address"},
        {"Gateway", cell_text, "peer"},
        {"IKE-ID", cell_text, "remote_identity"},
    };
    static const column D[] = {
        {"Gateway", cell_text, "peer"},
        {"State", cell_text, "state"},
        {"Role", cell_text, "role"},
        {"Algorithms", cell_text, "algorithm"},
        {"Port", cell_port, "remote_port"},
        {"Rekey in", cell_number, "rekey_in_s"},
        {"Expires in", cell_number, "expires_in_s"},
        {"SAs", cell_number, "children"},
    };
    if (detail)
        print_table(rows, D, COUNT(D));
    else
        print_table(rows, C, COUNT(C));
}

static void print_ipsec_detail(const cJSON *r)
{
    printf("ID: %.0f  Gateway: %s, IPsec VPN name: %s, Interface: %s%s\n", number(r, "id"),
           text(r, "peer"), text(r, "vpn"), text(r, "interface"),
           yes(r, "current") ? "" : " (draining)");
    printf("  Local gateway: %s, Remote gateway: %s, Port: %.0f, Encapsulation: %s\n",
           text(r, "local_address"), text(r, "remote_address"), number(r, "remote_port"),
           yes(r, "udp_encapsulation") ? "UDP" : "ESP");
    printf("  Algorithms: %s, SPI in: %s, SPI out: %s, ESN: %s\n", text(r, "algorithm"),
           text(r, "spi_in"), text(r, "spi_out"), yes(r, "esn") ? "yes" : "no");
    printf("  Tunnel MTU: %.0f, Anti-replay window: %.0f, Worker: %.0f\n", number(r, "mtu"),
           number(r, "replay_window"), number(r, "worker"));
    printf("  Rekey in: %.0f s, Hard lifetime: expires in %.0f s\n", number(r, "rekey_in_s"),
           number(r, "expires_in_s"));
    printf("  Encrypted: %.0f packets, %.0f bytes; Decrypted: %.0f packets, %.0f bytes; Drops in: "
           "%.0f\n\n",
           number(r, "out_packets"), number(r, "out_bytes"), number(r, "in_packets"),
           number(r, "in_bytes"), number(r, "in_drops"));
}

static void cell_dir_in(const cJSON *row, char *dst, size_t n, const char *key)
{
    snprintf(dst, n, "<%.0f", number(row, key));
}

static void cell_spi_pair(const cJSON *row, char *dst, size_t n, const char *key)
{
    (void)key;
    const char *in = text(row, "spi_in"), *out = text(row, "spi_out");
    snprintf(dst, n, "<%s >%s", strncmp(in, "0x", 2) == 0 ? in + 2 : in,
             strncmp(out, "0x", 2) == 0 ? out + 2 : out);
}

static void print_ipsec_sa(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"ID", cell_dir_in, "id"},
        {"Algorithm", cell_esp, "algorithm"},
        {"SPI", cell_spi_pair, "spi_in"},
        {"Life:sec/kb", cell_life, "expires_in_s"},
        {"Port", cell_port, "remote_port"},
        {"Gateway", cell_text, "remote_address"},
        {"VPN", cell_text, "vpn"},
        {"Interface", cell_text, "interface"},
        {"Out bytes", cell_number, "out_bytes"},
        {"In bytes", cell_number, "in_bytes"},
    };
    if (detail) {
        for (const cJSON *r = rows->child; r != NULL; r = r->next)
            print_ipsec_detail(r);
        return;
    }
    printf("Total active SA pairs: %d\n", cJSON_GetArraySize(rows));
    print_table(rows, C, COUNT(C));
}

static void print_bindings(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Next-hop gateway", cell_text, "next_hop"},
        {"Interface", cell_text, "interface"},
        {"IPsec VPN name", cell_text, "vpn"},
        {"Flag", cell_text, "flag"},
        {"IKE-ID", cell_text, "ike_id"},
        {"XAUTH username", cell_text, "xauth_user"},
        {"State", cell_up, "up"},
        {"Gateway", cell_text, "peer"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

static void print_routes(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Destination", cell_text, "prefix"}, {"Kind", cell_text, "kind"},
        {"Next hop", cell_text, "next_hop"},  {"Interface", cell_text, "interface"},
        {"Reachable", cell_up, "reachable"},  {"Kernel", cell_text, "kernel"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

/* What the kernel does for a device or socket. */
static void print_words(const char *name, const cJSON *words)
{
    const cJSON *w;
    printf("  %-8s offload:%s", name != NULL ? name : "",
           cJSON_GetArraySize(words) == 0 ? " none" : "");
    for (w = words != NULL ? words->child : NULL; w != NULL; w = w->next)
        printf(" %s", w->valuestring);
    printf("\n");
}

static void print_ifaces(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Interface", cell_text, "name"},
        {"Link", cell_up, "up"},
        {"Kind", cell_text, "kind"},
        {"Local", cell_text, "address4"},
        {"Local IPv6", cell_text, "address6"},
        {"MTU", cell_number, "mtu"},
        {"Tunnels up", cell_tunnels, "tunnels"},
        {"Out bytes", cell_number, "out_bytes"},
        {"In bytes", cell_number, "in_bytes"},
    };
    const cJSON *sockets = member(rows->child, "sockets");
    (void)detail;
    print_table(rows, C, COUNT(C));
    for (const cJSON *r = rows->child; r != NULL; r = r->next)
        print_words(cJSON_GetStringValue(member(r, "name")), member(r, "offload"));
    for (const cJSON *s = sockets != NULL ? sockets->child : NULL; s != NULL; s = s->next)
        print_words(s->string, s);
}

static void print_owners(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Next-hop gateway", cell_text, "next_hop"},
        {"Interface", cell_text, "interface"},
        {"Owner", cell_text, "owner"},
        {"By", cell_origin, "configured"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

static void print_peers(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Gateway", cell_text, "name"},
        {"State", cell_up, "up"},
        {"Remote Address", cell_text, "remote_address"},
        {"VPNs up", cell_vpns, "vpns"},
        {"Connections", cell_connections, "connections"},
        {"Out bytes", cell_number, "out_bytes"},
        {"In bytes", cell_number, "in_bytes"},
        {"Next try in", cell_number, "next_try_in_s"},
        {"Last error", cell_text, "last_error_text"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

static void print_pki(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Gateway", cell_text, "gateway"},   {"Use", cell_text, "use"},
        {"Subject", cell_text, "subject"},   {"Key", cell_text, "key"},
        {"Validity", cell_text, "validity"}, {"Until", cell_text, "until"},
        {"SHA-256", cell_text, "sha256"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

static void print_map(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Gateway", cell_text, "gateway"},
        {"Anchor", cell_number, "worker"},
        {"Kind", cell_text, "kind"},
        {"Remote Address", cell_text, "remote_address"},
        {"Tunnels", cell_number, "tunnels"},
        {"SAs", cell_number, "sas"},
        {"Moving", cell_number, "sas_elsewhere"},
        {"Out packets", cell_number, "out_packets"},
        {"In packets", cell_number, "in_packets"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

static void print_distribution(const cJSON *rows, bool detail)
{
    static const column C[] = {
        {"Worker", cell_number, "worker"},
        {"State", cell_up, "running"},
        {"Weight", cell_number, "weight"},
        {"Gateways", cell_number, "gateways"},
        {"Dynamic", cell_number, "dynamic_peers"},
        {"Load %", cell_number, "load_percent"},
        {"SAs", cell_number, "sas"},
        {"Out packets", cell_number, "out_packets"},
        {"In packets", cell_number, "in_packets"},
        {"Hand-offs", cell_number, "handoffs"},
        {"%", cell_number, "handoff_percent"},
        {"Taken", cell_number, "handoffs_taken"},
        {"Dropped", cell_number, "handoffs_dropped"},
    };
    (void)detail;
    print_table(rows, C, COUNT(C));
}

/* Nonzero members of a group, all with detail. */
static void print_group(const char *title, const cJSON *group, bool detail)
{
    bool any = false;
    printf("%s:\n", title);
    for (const cJSON *m = group != NULL ? group->child : NULL; m != NULL; m = m->next) {
        if (!cJSON_IsNumber(m) || (!detail && m->valuedouble < 1))
            continue;
        printf("  %-24s %.0f\n", m->string, m->valuedouble);
        any = true;
    }
    if (!any)
        printf("  none\n");
}

static void print_statistics(const cJSON *rows, bool detail)
{
    const cJSON *r = rows->child;
    if (r == NULL)
        return;
    printf("ESP Statistics:\n");
    printf("  Encrypted bytes:   %20.0f\n", number(r, "out_bytes"));
    printf("  Decrypted bytes:   %20.0f\n", number(r, "in_bytes"));
    printf("  Encrypted packets: %20.0f\n", number(r, "out_packets"));
    printf("  Decrypted packets: %20.0f\n", number(r, "in_packets"));
    printf("  Transit packets:   %20.0f\n", number(r, "transit_packets"));
    printf("IKE SAs: %.0f, half-open: %.0f, IPsec SA pairs: %.0f, tunnels up: %.0f, next-hop "
           "entries: %.0f, memory: %.0f bytes\n",
           number(r, "ike_sas"), number(r, "half_open"), number(r, "child_sas"),
           number(r, "tunnels_up"), number(r, "bindings"), number(r, "memory_bytes"));
    print_group("Drops and punts", member(r, "reasons"), detail);
    print_group("IKE", member(r, "ike"), detail);
    print_group("Host", member(r, "host"), detail);
}

static void print_limit(const char *text, const cJSON *r, const char *key, const char *zero)
{
    if (number(r, key) == 0)
        printf("%s: %s\n", text, zero);
    else
        printf("%s: %.0f\n", text, number(r, key));
}

static void print_security(const cJSON *rows, bool detail)
{
    const cJSON *r = rows->child;
    if (r == NULL)
        return;
    printf("Half-open IKE SAs: %.0f of %.0f, for at most %.0f s\n", number(r, "half_open"),
           number(r, "half_open_limit"), number(r, "half_open_timeout_s"));
    print_limit("  of one source", r, "half_open_per_source", "any");
    print_limit("Public-key jobs under way, at most", r, "jobs_limit", "any");
    printf("IKE messages: at most %.0f bytes", number(r, "ike_message_bytes"));
    print_limit(", in fragments above", r, "fragment_size", "off");
    printf("Cookies: from %.0f half-open on (%s), sent %.0f, received %.0f\n",
           number(r, "cookie_threshold"), yes(r, "cookies_demanded") ? "demanded now" : "not now",
           number(r, "cookies_sent"), number(r, "cookies_received"));
    printf("Failed authentications: %.0f\n", number(r, "auth_failed"));
    printf("Peers: %.0f of %.0f, tunnels up: %.0f of %.0f, SA pairs: %.0f of %.0f, next-hop "
           "entries: %.0f of %.0f\n",
           number(r, "peers"), number(r, "peers_limit"), number(r, "tunnels_up"),
           number(r, "tunnels_limit"), number(r, "child_sas"), number(r, "sas_limit"),
           number(r, "bindings"), number(r, "bindings_limit"));
    printf("Packets held for tunnels: %.0f of %.0f, for at most %.0f ms\n", number(r, "held"),
           number(r, "held_limit"), number(r, "hold_ms"));
    printf("Anti-replay window: %.0f, memory: %.0f bytes\n", number(r, "replay_window"),
           number(r, "memory_bytes"));
    print_group("Drops and punts", member(r, "reasons"), detail);
}

void tables_print(const char *table, const cJSON *rows, bool detail)
{
    static const struct {
        const char *name;
        void (*print)(const cJSON *rows, bool detail);
    } TABLES[] = {
        {"ike sa", print_ike_sa},
        {"ipsec sa", print_ipsec_sa},
        {"route", print_routes},
        {"ipsec next-hop-tunnels", print_bindings},
        {"interfaces", print_ifaces},
        {"statistics", print_statistics},
        {"peers", print_peers},
        {"security", print_security},
        {"ipsec next-hop-owners", print_owners},
        {"security pki", print_pki},
        {"tunnel-map", print_map},
        {"tunnel-distribution", print_distribution},
    };
    for (size_t i = 0; i < COUNT(TABLES); i++)
        if (strcmp(TABLES[i].name, table) == 0)
            TABLES[i].print(rows, detail);
}
