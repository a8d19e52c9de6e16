/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl explain: sentences from the gateway's answer about one peer. Called by main.c. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

static const char *text(const cJSON *v, const char *key)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(v, key);
    return cJSON_IsString(m) ? m->valuestring : NULL;
}

static double number(const cJSON *v, const char *key, double none)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(v, key);
    return cJSON_IsNumber(m) ? m->valuedouble : none;
}

static const char * or (const char *a, const char *b)
{
    return a != NULL ? a : b;
}

static void print_failure(const cJSON *f)
{
    const char *vpn = text(f, "vpn");
    printf("Last failure: %.0f s ago, in %s as %s%s%s\n", number(f, "ago_s", 0),
           or (text(f, "step"), "-"), or (text(f, "role"), "-"), vpn != NULL ? ", VPN " : "",
           or (vpn, ""));
    printf("Failing check: %s: %s", or (text(f, "check"), "-"), or (text(f, "text"), "-"));
    if (number(f, "code", 0) > 0)
        printf(" (code %.0f)", number(f, "code", 0));
    puts("");
}

static void print_proposals(const cJSON *a, const char *check)
{
    const char *theirs = text(a, "peer_proposals");
    printf("Our proposals:  %s\n", or (text(a, "our_proposals"), "-"));
    if (theirs != NULL)
        printf("Peer's:         %s\n", theirs);
    else if (strcmp(check, "no_proposal") == 0)
        puts("Peer's:         not known: it only says no; ask there");
    if (text(a, "first_difference") != NULL)
        printf("First difference: %s\n", text(a, "first_difference"));
}

static void print_next(const cJSON *a, bool up)
{
    const double next = number(a, "next_try_in_s", -1);
    const char *establish = or (text(a, "establish_tunnels"), "");
    if (next >= 0)
        printf("Next try: in %.0f s\n", next);
    else if (up)
        return;
    else if (strcmp(establish, "responder-only") == 0 || text(a, "remote_address") == NULL)
        puts("Next try: none of ours; we wait for the peer");
    else if (strcmp(establish, "on-traffic") == 0)
        puts("Next try: when a packet wants to go there, or by \"nhtbctl initiate\"");
    else
        puts("Next try: under way");
}

/* Of an entry for many, or of one it admitted. */
static void print_entry(const cJSON *a)
{
    const double limit = number(a, "connection_limit", -1);
    if (text(a, "entry") != NULL)
        printf("Admitted by the entry %s\n", text(a, "entry"));
    if (number(a, "connections", -1) < 0)
        return;
    printf("Connections: %.0f", number(a, "connections", 0));
    if (limit >= 0)
        printf(" of %.0f", limit);
    puts("; each has a row of its own in \"show peers\"");
}

void explain_print(const cJSON *a)
{
    const cJSON *f = cJSON_GetObjectItemCaseSensitive(a, "failure");
    const bool up = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a, "up"));
    printf("Gateway %s: IKE %s, VPNs up: %.0f of %.0f", or (text(a, "peer"), "-"),
           up ? "UP" : "DOWN", number(a, "vpns_up", 0), number(a, "vpns", 0));
    if (!up && text(a, "state") != NULL)
        printf(", an attempt is in state %s", text(a, "state"));
    puts("");
    print_entry(a);
    if (cJSON_IsObject(f)) {
        print_failure(f);
        print_proposals(a, or (text(f, "check"), ""));
    } else {
        puts("No failure since it was last up");
    }
    print_next(a, up && number(a, "vpns_up", 0) >= number(a, "vpns", 0));
}
