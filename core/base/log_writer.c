/* log_writer.c - one thread owns the sink. A pipe that nobody reads holds up this thread and no other; it waits in
 * poll(), where a stop, another file or a rotation reaches it. */
#include "base/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define QUEUE_MAX     (8u << 20)
#define GATHER_MS     5 /* after a write, unless this much is waiting: waking a thread costs more than a line */
#define GATHER_BYTES  (64u << 10)
#define STOP_MS       1000 /* at the end: for everything that is queued */
#define STOP_STALL_MS 300  /* and for a sink that takes nothing */
#define STOP_HANG_MS  500  /* on top, for a write() that should not have blocked and did */

struct sink {
    int fd;
    bool is_ours; /* to close */
    bool is_socket;
    bool is_pipe;
    bool may_block; /* poll() first, and write no more than a pipe takes in one go */
    bool is_cut;    /* its last line has no end: the disk was full, and the next line is to begin a new one */
};

#define SINK_STDERR ((struct sink){ .fd = STDERR_FILENO, .may_block = true })

/* Part of the log, which is one of the two permitted globals. `sink` is the writer's own while it runs; everything else
 * is guarded by the lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t has_work; /* made when the writer starts */
    pthread_t thread;
    struct gw_buf queue;
    struct sink sink, next;
    char *file;   /* NULL: standard error */
    int wake_fd;  /* interrupts the writer's poll() */
    int ended_fd; /* readable once the writer has ended */
    bool has_next, must_reopen, is_stopping;
    bool is_gathering; /* it looks at the queue by itself soon */
    int64_t stop_ms;   /* monotonic, when it was told to stop */
    uint64_t unreported_drops;
    int fault; /* the writer's own: why a line could last not be written; 0: it took too long */
    atomic_bool is_running;
    atomic_ullong dropped;
} writer = { .lock = PTHREAD_MUTEX_INITIALIZER,
             .queue = { .max = QUEUE_MAX },
             .sink = { .fd = STDERR_FILENO, .may_block = true },
             .wake_fd = -1,
             .ended_fd = -1 };

/* ---- sinks ---- */

/** Standard error is shared with other processes, so its mode is not ours to change. A pipe can be opened a second
 * time, a socket has a flag for it, and from others no more is asked than poll() promises. */
static struct sink stderr_sink(void)
{
    struct sink sink = SINK_STDERR;
    struct stat st;

    if (fstat(STDERR_FILENO, &st) != 0)
        return sink;
    sink.is_socket = S_ISSOCK(st.st_mode);
    if (S_ISREG(st.st_mode))
        sink.may_block = false; /* no reader that could be slow */
    sink.is_pipe = S_ISFIFO(st.st_mode);
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (fd >= 0)
            sink = (struct sink){ .fd = fd, .is_ours = true, .is_pipe = sink.is_pipe };
    }
    return sink;
}

/** fd -1 with reterr on failure. */
static struct sink open_sink(const char *file, struct gw_err *reterr)
{
    struct sink sink = { .is_ours = true };
    struct stat st;

    if (!file)
        return stderr_sink();
    sink.fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0640);
    sink.is_pipe = sink.fd >= 0 && fstat(sink.fd, &st) == 0 && S_ISFIFO(st.st_mode);
    if (sink.fd < 0)
        gw_err_set(reterr, AIGW_E_CONFIG, "log file %s: cannot open: %s; check the path and its permissions", file,
                   strerror(errno));
    return sink;
}

static void close_sink(struct sink *sink)
{
    if (sink->is_ours)
        close(sink->fd);
    *sink = SINK_STDERR;
}

/** How much of it to write at once. A pipe takes so much as a whole or not at all: where others write into it, too,
 * such as the process that takes over from this one, lines stay whole. One that is longer may be cut. */
static size_t one_go(const struct sink *sink, const char *bytes, size_t len)
{
    const char *end;

    if (len <= PIPE_BUF || !(sink->is_pipe || sink->may_block))
        return len;
    end = memrchr(bytes, '\n', PIPE_BUF);
    return end ? (size_t)(end - bytes) + 1 : PIPE_BUF;
}

static ssize_t write_some(const struct sink *sink, const char *bytes, size_t len)
{
    if (sink->is_socket)
        return send(sink->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(sink->fd, bytes, one_go(sink, bytes, len));
}

/** For the time without a writer, on whatever thread this is. */
static void write_all(const struct sink *sink, const char *bytes, size_t len)
{
    while (len) {
        struct pollfd wait = { .fd = sink->fd, .events = POLLOUT };
        ssize_t written = write_some(sink, bytes, len);

        if (written < 0 && errno == EAGAIN && poll(&wait, 1, -1) > 0)
            continue;
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* a broken sink must not stop the program */
        bytes += written;
        len -= (size_t)written;
    }
}

/* ---- the queue ---- */

static size_t count_lines(const char *bytes, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += bytes[i] == '\n';
    return count;
}

/** Lock held. */
static void count_lost(size_t lines)
{
    writer.unreported_drops += lines;
    atomic_fetch_add_explicit(&writer.dropped, lines, memory_order_relaxed);
}

void gw_log_writer_put(struct gw_buf *lines)
{
    if (lines->len == 0)
        return;
    pthread_mutex_lock(&writer.lock);
    if (!writer.is_running) {
        write_all(&writer.sink, lines->data, lines->len);
    } else {
        gw_buf_put(&writer.queue, lines->data, lines->len);
        if (writer.queue.status) {
            writer.queue.status = AIGW_OK; /* what is in it stays */
            count_lost(count_lines(lines->data, lines->len));
        }
        if (!writer.is_gathering || writer.queue.len >= GATHER_BYTES)
            pthread_cond_signal(&writer.has_work);
    }
    pthread_mutex_unlock(&writer.lock);
    gw_buf_clear(lines);
}

void gw_log_writer_count_drop(void)
{
    atomic_fetch_add_explicit(&writer.dropped, 1, memory_order_relaxed);
}

uint64_t gw_log_writer_dropped(void)
{
    return atomic_load(&writer.dropped);
}

bool gw_log_writer_is_running(void)
{
    return atomic_load_explicit(&writer.is_running, memory_order_relaxed);
}

/* ---- the writer ---- */

static void wake(void)
{
    const uint64_t one = 1;

    pthread_cond_signal(&writer.has_work);
    (void)!write(writer.wake_fd, &one, sizeof one); /* full means already woken */
}

/** Turn to another sink when one was asked for. Lock held, but not while a file is opened. True when it changed. */
static bool follow_wishes(void)
{
    bool did_change = writer.has_next;
    struct sink fresh;
    char *file;

    if (writer.has_next) {
        close_sink(&writer.sink);
        writer.sink = writer.next;
        writer.has_next = false;
    }
    if (!writer.must_reopen)
        return did_change;
    writer.must_reopen = false;
    file = writer.file ? strdup(writer.file) : NULL;
    if (!file)
        return did_change;
    pthread_mutex_unlock(&writer.lock);
    fresh = open_sink(file, NULL);
    free(file);
    pthread_mutex_lock(&writer.lock);
    if (fresh.fd < 0)
        return did_change; /* keep writing to the old one */
    close_sink(&writer.sink);
    writer.sink = fresh;
    return true;
}

/** How long the sink may still take nothing, -1: for ever. Lock held. */
static int patience_ms(int64_t progress_ms)
{
    int64_t now_ms = gw_mono_ms(), all_ms = writer.stop_ms + STOP_MS - now_ms, stall_ms;

    if (!writer.is_stopping)
        return -1;
    stall_ms = (progress_ms > writer.stop_ms ? progress_ms : writer.stop_ms) + STOP_STALL_MS - now_ms;
    if (stall_ms < all_ms)
        all_ms = stall_ms;
    return all_ms > 0 ? (int)all_ms : 0;
}

#define SINK_READY   1
#define SINK_CHANGED 2
#define SINK_STUCK   3 /* and it is time to stop */

static int wait_for_sink(int64_t progress_ms)
{
    for (;;) {
        struct pollfd waits[2] = { { .fd = writer.sink.fd, .events = POLLOUT },
                                   { .fd = writer.wake_fd, .events = POLLIN } };
        uint64_t count;
        bool did_change;
        int left_ms;

        pthread_mutex_lock(&writer.lock);
        did_change = follow_wishes();
        left_ms = patience_ms(progress_ms);
        pthread_mutex_unlock(&writer.lock);
        if (did_change)
            return SINK_CHANGED;
        if (left_ms == 0)
            return SINK_STUCK;
        if (poll(waits, 2, left_ms) > 0 && waits[0].revents)
            return SINK_READY;
        if (waits[1].revents)
            (void)!read(writer.wake_fd, &count, sizeof count);
    }
}

/** The rest of a line that a full disk cut does not come any more. False: it is still full. */
static bool end_cut_line(void)
{
    if (writer.sink.is_cut && write_some(&writer.sink, "\n", 1) == 1)
        writer.sink.is_cut = false;
    return !writer.sink.is_cut;
}

/** Write the batch; what cannot be written is counted. True when all of it was. */
static bool write_batch(const struct gw_buf *batch)
{
    int64_t progress_ms = gw_mono_ms();
    size_t at = 0;
    bool must_wait = writer.sink.may_block;

    while (at < batch->len && end_cut_line()) {
        int sink = must_wait ? wait_for_sink(progress_ms) : SINK_READY;
        ssize_t written;

        if (sink == SINK_STUCK)
            break;
        if (sink == SINK_CHANGED) { /* the rest of a line is no line */
            while (at > 0 && at < batch->len && batch->data[at - 1] != '\n')
                at++;
            must_wait = writer.sink.may_block;
            continue;
        }
        written = write_some(&writer.sink, batch->data + at, batch->len - at);
        if (written > 0) {
            at += (size_t)written;
            progress_ms = gw_mono_ms();
        } else if (errno != EAGAIN && errno != EINTR) {
            writer.fault = errno;
            writer.sink.is_cut = at > 0 && batch->data[at - 1] != '\n';
            break; /* a broken sink must not stop the program */
        }
        must_wait = writer.sink.may_block || written <= 0;
    }
    if (at < batch->len) {
        pthread_mutex_lock(&writer.lock);
        count_lost(count_lines(batch->data + at, batch->len - at));
        pthread_mutex_unlock(&writer.lock);
    }
    return at == batch->len;
}

static void report_lost(uint64_t lost)
{
    if (lost && writer.fault)
        gw_log(GW_LOG_WARNING, "log", "%llu lines were dropped: the log could not be written: %s",
               (unsigned long long)lost, strerror(writer.fault));
    else if (lost)
        gw_log(GW_LOG_WARNING, "log", "%llu lines were dropped because the log sink is too slow",
               (unsigned long long)lost);
    writer.fault = 0;
    gw_log_flush();
}

static bool is_wanted(void)
{
    return writer.is_stopping || writer.must_reopen || writer.has_next;
}

/** Let lines come together after a write. Lock held. */
static void gather(void)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GATHER_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    writer.is_gathering = true;
    while (!is_wanted() && writer.queue.len < GATHER_BYTES &&
           pthread_cond_timedwait(&writer.has_work, &writer.lock, &until) != ETIMEDOUT)
        ;
    writer.is_gathering = false;
}

static void *writer_main(void *arg)
{
    const uint64_t one = 1;
    struct gw_buf batch;

    (void)arg;
    gw_buf_init(&batch, QUEUE_MAX);
    pthread_mutex_lock(&writer.lock);
    for (;;) {
        while (writer.queue.len == 0 && !is_wanted())
            pthread_cond_wait(&writer.has_work, &writer.lock);
        (void)follow_wishes();
        if (writer.queue.len == 0 && writer.is_stopping)
            break;
        struct gw_buf full = writer.queue;
        writer.queue = batch;
        batch = full;
        uint64_t lost = writer.is_stopping ? 0 : writer.unreported_drops;
        writer.unreported_drops -= lost;
        pthread_mutex_unlock(&writer.lock);
        bool is_written = write_batch(&batch);
        gw_buf_clear(&batch);
        if (is_written)
            report_lost(lost);
        pthread_mutex_lock(&writer.lock);
        writer.unreported_drops += is_written ? 0 : lost; /* there is no use in saying so to a full disk */
        gather();
    }
    pthread_mutex_unlock(&writer.lock);
    gw_buf_done(&batch);
    (void)!write(writer.ended_fd, &one, sizeof one);
    return NULL;
}

/* ---- from outside ---- */

/** Is this where lines go already? */
static bool is_open(const char *file)
{
    bool yes;

    pthread_mutex_lock(&writer.lock);
    yes = writer.is_running && (file ? writer.file && strcmp(writer.file, file) == 0 : !writer.file);
    pthread_mutex_unlock(&writer.lock);
    return yes;
}

aigw_status gw_log_writer_open(const char *file, struct gw_err *reterr)
{
    struct sink sink;
    char *copy;

    if (is_open(file))
        return AIGW_OK; /* and stays so when it could not be opened again, like a pipe whose reader went */
    sink = open_sink(file, reterr);
    copy = file ? strdup(file) : NULL;
    if (sink.fd < 0 || (file && !copy)) {
        if (sink.fd >= 0)
            close_sink(&sink);
        free(copy);
        return AIGW_E_CONFIG;
    }
    pthread_mutex_lock(&writer.lock);
    free(writer.file);
    writer.file = copy;
    if (writer.has_next)
        close_sink(&writer.next);
    writer.next = sink;
    writer.has_next = true;
    writer.must_reopen = false;
    if (writer.is_running)
        wake();
    else
        (void)follow_wishes();
    pthread_mutex_unlock(&writer.lock);
    return AIGW_OK;
}

/** GATHER_MS must not grow when somebody sets the clock. */
static bool make_condition(void)
{
    pthread_condattr_t attributes;
    bool ok;

    if (pthread_condattr_init(&attributes) != 0)
        return false;
    ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(&writer.has_work, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return ok;
}

aigw_status gw_log_writer_start(struct gw_err *reterr)
{
    if (gw_log_writer_is_running())
        return AIGW_OK;
    if (!make_condition())
        return gw_err_set(reterr, AIGW_E_NOMEM, "log: cannot make the writer's condition variable");
    writer.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    writer.ended_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    writer.is_stopping = false;
    atomic_store(&writer.is_running, true);
    if (writer.wake_fd < 0 || writer.ended_fd < 0 || pthread_create(&writer.thread, NULL, writer_main, NULL) != 0) {
        atomic_store(&writer.is_running, false);
        pthread_cond_destroy(&writer.has_work);
        close(writer.wake_fd);
        close(writer.ended_fd);
        return gw_err_set(reterr, AIGW_E_NOMEM, "log: cannot start the writer thread");
    }
    return AIGW_OK;
}

void gw_log_writer_reopen(void)
{
    pthread_mutex_lock(&writer.lock);
    writer.must_reopen = true;
    if (writer.is_running)
        wake();
    pthread_mutex_unlock(&writer.lock);
}

bool gw_log_writer_stop(void)
{
    struct pollfd ended;

    if (gw_log_writer_is_running()) {
        pthread_mutex_lock(&writer.lock);
        writer.is_stopping = true;
        writer.stop_ms = gw_mono_ms();
        wake();
        pthread_mutex_unlock(&writer.lock);
        ended = (struct pollfd){ .fd = writer.ended_fd, .events = POLLIN };
        while (poll(&ended, 1, STOP_MS + STOP_HANG_MS) < 0 && errno == EINTR)
            ;
        if (!(ended.revents & POLLIN)) {
            pthread_detach(writer.thread);
            return false;
        }
        pthread_join(writer.thread, NULL);
        pthread_cond_destroy(&writer.has_work);
        atomic_store(&writer.is_running, false);
        close(writer.wake_fd);
        close(writer.ended_fd);
    }
    close_sink(&writer.sink);
    free(writer.file);
    writer.file = NULL;
    gw_buf_done(&writer.queue);
    return true;
}
