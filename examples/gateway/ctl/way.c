/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl show route ADDRESS: the chain of one destination, a line per arrow. Called by main.c. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

static const char *text(const cJSON *v, const char *key)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(v, key);
    return cJSON_IsString(m) ? m->valuestring : NULL;
}

static double number(const cJSON *v, const char *key)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(v, key);
    return cJSON_IsNumber(m) ? m->valuedouble : 0;
}

static const char *some(const char *a)
{
    return a != NULL ? a : "-";
}

static void print_route(const cJSON *r)
{
    const char *iface = text(r, "interface"), *hop = text(r, "next_hop");
    printf("  route      %s -> %s%s%s\n", some(text(r, "prefix")),
           iface != NULL ? iface : "this host", hop != NULL ? ", next hop " : "",
           hop != NULL ? hop : "");
}

static void print_binding(const cJSON *r, const cJSON *t, const char *source)
{
    printf("  binding    (%s, %s) -> %s/%s, %s (%s)\n", some(text(r, "interface")),
           some(text(r, "next_hop")), some(text(t, "peer")), some(text(t, "vpn")),
           strcmp(source, "static") == 0 ? "Static" : "Auto", source);
}

static void print_tunnel(const cJSON *t, const cJSON *sa)
{
    const double port = number(sa, "remote_port");
    printf("  tunnel     %s/%s is %s", some(text(t, "peer")), some(text(t, "vpn")),
           cJSON_IsObject(sa) ? "UP" : "DOWN");
    if (cJSON_IsObject(sa))
        printf(": %s -> %s", some(text(sa, "local_address")), some(text(sa, "remote_address")));
    if (port > 0)
        printf(" port %.0f", port);
    puts("");
}

static void print_result(const char *result)
{
    static const struct {
        const char *name, *sentence;
    } T[] = {
        {"no_route", "no route: the packet is not for a tunnel"},
        {"local", "delivered to this host"},
        {"no_binding", "no tunnel is bound to the next hop: dropped, or held until one is"},
        {"no_tunnel", "no VPN is bound to the interface: dropped"},
        {"no_sa", "the tunnel is down: dropped, or held until it is up"},
        {"sa", "encrypted and sent"},
    };
    for (size_t i = 0; i < sizeof T / sizeof *T; i++)
        if (strcmp(T[i].name, result) == 0)
            printf("  result     %s\n", T[i].sentence);
}

void way_print(const cJSON *a)
{
    const cJSON *r = cJSON_GetObjectItemCaseSensitive(a, "route");
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(a, "tunnel");
    const cJSON *sa = cJSON_GetObjectItemCaseSensitive(a, "sa");
    const char *source = text(a, "binding");
    printf("%s\n", some(text(a, "destination")));
    if (cJSON_IsObject(r))
        print_route(r);
    if (source != NULL)
        print_binding(r, t, source);
    if (cJSON_IsObject(t))
        print_tunnel(t, sa);
    if (cJSON_IsObject(sa))
        printf("  SA         out %s, in %s, tunnel MTU %.0f\n", some(text(sa, "spi_out")),
               some(text(sa, "spi_in")), number(sa, "mtu"));
    print_result(some(text(a, "result")));
}
