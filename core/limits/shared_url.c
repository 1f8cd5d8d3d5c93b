/* shared_url.c - valkey://[user[:password]@]host[:port][/database]. What is said of a bad one never repeats it: it may
 * hold a password. */
#include <string.h>

#include "base/log.h"
#include "base/url.h"
#include "limits/shared.h"

#define PORT      6379
#define DATABASES UINT64_C(65535)
#define EXPECTED  "expected valkey://host:port/database"
#define NO_TLS \
    "TLS to the store is not supported: the library that talks to it knows OpenSSL only, which this gateway does " \
    "without; expected valkey:// in a network of your own, or to a TLS tunnel beside the gateway"

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/** With %XX decoded. NULL: out of memory, or a bad code. */
static char *decoded(struct gw_arena *arena, aigw_str text)
{
    char *out = gw_arena_strndup(arena, text.ptr ? text.ptr : "", text.len);
    size_t len = 0;

    for (size_t i = 0; out && i < text.len; i++) {
        int high, low;

        out[len++] = text.ptr[i];
        if (text.ptr[i] != '%')
            continue;
        high = i + 2 < text.len ? hex_of(text.ptr[i + 1]) : -1;
        low = i + 2 < text.len ? hex_of(text.ptr[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return NULL;
        out[len - 1] = (char)(high * 16 + low);
        i += 2;
    }
    if (out)
        out[len] = '\0';
    return out;
}

/** Split at the first c; without one all of it is before. */
static aigw_str cut(aigw_str text, char c, aigw_str *ret_rest)
{
    const char *at = text.len ? memchr(text.ptr, c, text.len) : NULL;
    size_t len = at ? (size_t)(at - text.ptr) : text.len;

    *ret_rest = at ? (aigw_str){ at + 1, text.len - len - 1 } : AIGW_STR_NONE;
    return (aigw_str){ text.ptr, len };
}

static const char *read_scheme(aigw_str scheme)
{
    if (gw_str_eq_ci(scheme, AIGW_STR("valkey")) || gw_str_eq_ci(scheme, AIGW_STR("redis")))
        return NULL;
    if (gw_str_eq_ci(scheme, AIGW_STR("valkeys")) || gw_str_eq_ci(scheme, AIGW_STR("rediss")))
        return NO_TLS;
    return "has a scheme that is none of valkey and redis; " EXPECTED;
}

static const char *read_user(aigw_str text, struct gw_arena *arena, struct gw_shared_options *out)
{
    aigw_str password, user = cut(text, ':', &password);

    out->user = user.len ? decoded(arena, user) : NULL;
    out->password = password.len ? decoded(arena, password) : NULL;
    if ((user.len && !out->user) || (password.len && !out->password))
        return "has a % in user or password that no two hexadecimal digits follow; expected %25 for the sign itself";
    if (out->password)
        gw_log_add_secret(out->password);
    return user.len && !password.len ? "has a user and no password; expected user:password@, or shared.password" : NULL;
}

static const char *read_place(aigw_str place, struct gw_arena *arena, struct gw_shared_options *out)
{
    aigw_str host, port = AIGW_STR_NONE;
    uint16_t number = 0;

    if (place.len && place.ptr[0] == '[') {
        host = cut((aigw_str){ place.ptr + 1, place.len - 1 }, ']', &port);
        if (port.len && port.ptr[0] == ':')
            port = (aigw_str){ port.ptr + 1, port.len - 1 };
    } else {
        host = cut(place, ':', &port);
    }
    if (!host.len || host.len >= GW_URL_HOST_MAX || memchr(host.ptr, ' ', host.len))
        return "names no host; " EXPECTED;
    if (port.len && (gw_url_port(port, &number) || number == 0))
        return "has a port that is none; expected a number from 1 to 65535";
    out->host = gw_arena_strndup(arena, host.ptr, host.len);
    out->port = number ? number : PORT;
    return NULL;
}

static const char *read_url(aigw_str text, struct gw_arena *arena, struct gw_shared_options *out)
{
    const char *mark = text.len ? memmem(text.ptr, text.len, "://", 3) : NULL, *at, *why;
    aigw_str place, path;
    uint64_t db = 0;

    if (!mark)
        return "is no URL; " EXPECTED;
    why = read_scheme((aigw_str){ text.ptr, (size_t)(mark - text.ptr) });
    if (why)
        return why;
    place = cut((aigw_str){ mark + 3, text.len - (size_t)(mark + 3 - text.ptr) }, '/', &path);
    at = place.len ? memrchr(place.ptr, '@', place.len) : NULL;
    if (at) {
        why = read_user((aigw_str){ place.ptr, (size_t)(at - place.ptr) }, arena, out);
        place = (aigw_str){ at + 1, place.len - (size_t)(at + 1 - place.ptr) };
    }
    if (!why)
        why = read_place(place, arena, out);
    if (!why && path.len && !gw_str_to_u64(path, DATABASES, &db))
        return "has something behind the host that is no number of a database; " EXPECTED;
    out->db = (int64_t)db;
    return why;
}

bool gw_shared_read(const struct gw_settings *settings, struct gw_arena *arena, struct gw_problems *problems,
                    struct gw_shared_options *ret_options)
{
    const char *url = settings->shared.url, *password = settings->shared.password, *why;

    *ret_options = (struct gw_shared_options){
        .is_strict = settings->shared.mode && strcmp(settings->shared.mode, "strict") == 0,
        .on_down = !settings->shared.on_down                         ? GW_SHARED_SHARE
                   : strcmp(settings->shared.on_down, "open") == 0   ? GW_SHARED_OPEN
                   : strcmp(settings->shared.on_down, "closed") == 0 ? GW_SHARED_CLOSED
                                                                     : GW_SHARED_SHARE,
        .timeout_ms = settings->shared.timeout_ms,
        .replicas = settings->shared.replicas,
    };
    if (!url || !*url) {
        if (password && *password && problems)
            gw_setting_warning(problems, settings, "shared.password",
                               "has no effect without shared.url: limits are this process's own");
        return true;
    }
    why = read_url(gw_str_trim(gw_str(url)), arena, ret_options);
    if (!why && password && *password) {
        if (ret_options->password)
            why = "has a password, and shared.password is set as well; expected one of them";
        ret_options->password = password;
    }
    if (!why)
        return ret_options->host != NULL;
    if (problems)
        gw_setting_problem(problems, settings, "shared.url", "%s", why);
    ret_options->host = NULL;
    return false;
}
