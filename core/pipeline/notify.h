/* notify.h - tell whoever supervises the process, by the protocol of sd_notify(3). */
#ifndef GW_NOTIFY_H
#define GW_NOTIFY_H

/** "READY=1", for example. Nothing happens without NOTIFY_SOCKET. */
void gw_notify(const char *state);

#endif
