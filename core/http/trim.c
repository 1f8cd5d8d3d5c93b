/* trim.c - memory of libmicrohttpd that a waiting connection does not need.
 *
 * libmicrohttpd gives each connection one mapping for headers, buffers and parsed fields, large enough for the largest
 * header block, and overwrites all of it with zeros between two requests: an idle keep-alive connection would hold 40
 * kB. A page of zeros in a private anonymous mapping reads the same after it was given back, so that is always safe,
 * as long as it is certain where the mapping begins and ends.
 */
#include <linux/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "http/internal.h"

/* Up to this size libmicrohttpd 0.9.75 takes malloc() instead of a mapping. */
#define MALLOC_MAX (32u * 1024u)

void http_trim_learn(const struct http_ex *ex, const char *method)
{
    struct http_conn *conn = ex->conn;
    const union MHD_ConnectionInfo *info;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct tcp_info tcp;

    if (conn->had_exchange || ex->is_chunked || !conn->http->knows_layout || http_pool_size(conn->http) <= MALLOC_MAX)
        return;
    info = MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if ((uintptr_t)method % page != 0 || !info || !http_conn_tcp_info(conn, &tcp))
        return;
    /* Empty lines before the request move it away from the mapping's begin. For a whole page of them there was no room
     * when less than that came besides this request. */
    if (tcp.tcpi_bytes_received - info->header_size - ex->content_length < page)
        conn->pool = (char *)(uintptr_t)method;
}

static bool is_zero(const char *at, size_t len)
{
    return at[0] == 0 && memcmp(at, at + 1, len - 1) == 0;
}

void http_trim(struct http_conn *conn)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = http_pool_size(conn->http) / page * page;
    char *from = NULL;

    if (!conn->pool)
        return;
    for (char *at = conn->pool; at < conn->pool + size; at += page) {
        if (is_zero(at, page)) {
            from = from ? from : at;
            continue;
        }
        if (from)
            madvise(from, (size_t)(at - from), MADV_DONTNEED);
        from = NULL;
    }
    if (from)
        madvise(from, (size_t)(conn->pool + size - from), MADV_DONTNEED);
}
