/* jwt.h - RS256: a token that a key's owner signs. */
#ifndef PLUGIN_JWT_H
#define PLUGIN_JWT_H

#include <aigw/abi.h>

#include <gnutls/abstract.h>

/** An RSA key in PEM. NULL when it is none: *ret_why says why, static. To be freed with gnutls_privkey_deinit(). */
gnutls_privkey_t jwt_key(aigw_str pem, const char **ret_why);
/** Bytes that jwt_sign() writes at most. */
size_t jwt_room(aigw_str header, aigw_str claims);
/** Write the compact form of header and claims (JSON texts), signed, to `room` of jwt_room() bytes. Absent on failure.
 */
aigw_str jwt_sign(gnutls_privkey_t key, aigw_str header, aigw_str claims, char *room);

#endif
