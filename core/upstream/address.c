/* address.c - addresses that a model call must not reach: link-local (instance metadata lives there), those elsewhere
 * at which clouds serve metadata or credentials, and unspecified. Private networks are legitimate: self-hosted models
 * run in them. */
#include "upstream/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define METADATA "an address at which a cloud serves instance metadata"

static const char *forbidden4(const uint8_t a[4])
{
    static const uint8_t metadata[][4] = { { 168, 63, 129, 16 }, { 100, 100, 100, 200 }, { 192, 0, 0, 192 } };

    if (a[0] == 169 && a[1] == 254)
        return "a link-local address (169.254.0.0/16), where instance metadata is served";
    if (a[0] == 0)
        return "an unspecified address (0.0.0.0/8)";
    for (size_t i = 0; i < GW_ARRAY_LEN(metadata); i++)
        if (memcmp(a, metadata[i], sizeof metadata[i]) == 0)
            return METADATA;
    return NULL;
}

static const char *forbidden6(const uint8_t a[16])
{
    static const uint8_t zero[16] = { 0 };
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const uint8_t local_nat64[6] = { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 };
    static const uint8_t metadata[][16] = { { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 },
                                            { 0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23 },
                                            { 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54 } };

    if (memcmp(a, zero, 16) == 0)
        return "the unspecified address (::)";
    if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
        return "a link-local address (fe80::/10)";
    for (size_t i = 0; i < GW_ARRAY_LEN(metadata); i++)
        if (memcmp(a, metadata[i], sizeof metadata[i]) == 0)
            return METADATA;
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 || memcmp(a, local_nat64, 6) == 0)
        return forbidden4(a + 12);
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return forbidden4(a + 2);
    /* ::a.b.c.d, long deprecated; ::1 is loopback and not meant. */
    if (memcmp(a, zero, 12) == 0 && (a[12] | a[13]) != 0)
        return forbidden4(a + 12);
    return NULL;
}

const char *gw_address_forbidden(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        return forbidden4((const uint8_t *)&in.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        return forbidden6(in6.sin6_addr.s6_addr);
    }
    return "not an internet address";
}

const char *gw_address_text_forbidden(const char *text)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    size_t len = strcspn(text, "%"); /* a zone does not change what an address is */

    if (len >= sizeof copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        return forbidden4(bytes);
    if (inet_pton(AF_INET6, copy, bytes) == 1)
        return forbidden6(bytes);
    return NULL;
}

const char *gw_host_forbidden(const char *host)
{
    static const char *const names[] = { "metadata", "metadata.google.internal", "metadata.goog", "instance-data",
                                         "instance-data.ec2.internal" };
    char literal[INET6_ADDRSTRLEN + 32];
    struct in_addr in;
    size_t len = strlen(host);

    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    while (len > 0 && host[len - 1] == '.')
        len--;
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++)
        if (gw_str_eq_ci((aigw_str){ host, len }, gw_str(names[i])))
            return "the name of an instance metadata service";
    if (len >= sizeof literal)
        return NULL;
    memcpy(literal, host, len);
    literal[len] = '\0';
    /* inet_aton() reads every spelling that resolvers accept: decimal, hexadecimal, octal, fewer than four parts. */
    if (inet_aton(literal, &in))
        return forbidden4((const uint8_t *)&in);
    return gw_address_text_forbidden(literal);
}
