/* fake_host.h - as much of the host as reading a body needs: buffers. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <aigw/host.h>

extern const struct aigw_host fake_host;
/** Free all buffers handed out. */
void fake_host_done(void);

#endif
