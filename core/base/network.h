/* network.h - addresses and networks in text form, "10.0.0.0/8", "fd00::/8", "::1". */
#ifndef GW_NETWORK_H
#define GW_NETWORK_H

#include "base/base.h"

struct gw_network {
    uint8_t address[16]; /* IPv4 is mapped */
    uint8_t bits;
};

/** True for an IPv4 or IPv6 address. */
bool gw_is_address(aigw_str text);
/** False when the text is neither an address nor a network. */
bool gw_network_parse(const char *text, struct gw_network *ret_network);
/** False also when the text is no address. */
bool gw_network_contains(const struct gw_network *network, aigw_str address);

#endif
