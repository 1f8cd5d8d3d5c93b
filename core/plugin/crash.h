/* crash.h - a plugin is code in our process: when it crashes, so do we. The last line on standard error then says whose
 * code it was, which a core dump of an unknown plugin would not. */
#ifndef GW_CRASH_H
#define GW_CRASH_H

/** From now on the end of this process inside a plugin is said: a signal, abort(), exit(). It ends as it would have. */
void gw_crash_watch(void);
/** Main thread: this file's constructors and entry function run; NULL: no longer. Not copied. */
void gw_crash_loading(const char *path);

#endif
