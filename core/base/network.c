/* network.c - see network.h. */
#include "base/network.h"

#include <arpa/inet.h>
#include <string.h>

/** Any textual address as 16 bytes, IPv4 mapped. */
static bool address_parse(aigw_str text, uint8_t ret_address[16], bool *ret_is_v4)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        memset(ret_address, 0, 10);
        memset(ret_address + 10, 0xff, 2);
        memcpy(ret_address + 12, &v4, 4);
        *ret_is_v4 = true;
        return true;
    }
    if (inet_pton(AF_INET6, copy, &v6) != 1)
        return false;
    memcpy(ret_address, &v6, 16);
    *ret_is_v4 = false;
    return true;
}

bool gw_is_address(aigw_str text)
{
    uint8_t address[16];
    bool is_v4;

    return address_parse(text, address, &is_v4);
}

bool gw_network_parse(const char *text, struct gw_network *ret_network)
{
    aigw_str all = gw_str(text);
    const char *slash = strchr(text, '/');
    aigw_str address = { text, slash ? (size_t)(slash - text) : all.len };
    struct gw_network network;
    bool is_v4;
    uint64_t bits;

    if (!address_parse(address, network.address, &is_v4))
        return false;
    bits = is_v4 ? 32 : 128;
    if (slash && !gw_str_to_u64(gw_str(slash + 1), bits, &bits))
        return false;
    network.bits = (uint8_t)(is_v4 ? bits + 96 : bits);
    *ret_network = network;
    return true;
}

bool gw_network_contains(const struct gw_network *network, aigw_str text)
{
    size_t whole = network->bits / 8u;
    unsigned rest = network->bits % 8u;
    uint8_t address[16], mask;
    bool is_v4;

    if (!address_parse(text, address, &is_v4) || memcmp(network->address, address, whole) != 0)
        return false;
    mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || ((network->address[whole] ^ address[whole]) & mask) == 0;
}
