/* doctor.h - `aigw doctor`: checks, what they find, and what to do about it.
 *
 * Each group of checks has a file of its own. A check reports through doctor_ok(), doctor_warn() and doctor_fail(); the
 * latter two name a fault, whose remedy stands once, in faults.c, and is what operators search for. Checks of causes
 * come before those of consequences: the first failure that explains others is marked. */
#ifndef GW_DOCTOR_H
#define GW_DOCTOR_H

#include "cli/gateway.h"

struct gw_instance;
struct gw_snapshot;

/* Groups of checks, in the order in which they run; a fault may explain whole groups. */
#define DOCTOR_CONFIG  0x1u
#define DOCTOR_LIMITS  0x2u
#define DOCTOR_NETWORK 0x4u
#define DOCTOR_KEYS    0x8u
#define DOCTOR_RUNNING 0x10u
#define DOCTOR_MODELS  0x20u
#define DOCTOR_STREAM  0x40u
#define DOCTOR_STORE   0x80u

enum doctor_fault {
    FAULT_CONFIG,
    FAULT_PLUGIN,
    FAULT_PLUGIN_DENIED,
    FAULT_ENV_WINS,
    FAULT_PORT_TAKEN,
    FAULT_METRICS_PORT_TAKEN,
    FAULT_PROXY_VARIABLE,
    FAULT_SUBPATH,
    FAULT_DESCRIPTORS,
    FAULT_MEMORY,
    FAULT_CPU_QUOTA,
    FAULT_NEEDLESS_MOUNT,
    FAULT_NAMES_SLOW,
    FAULT_IPV6_DEAD,
    FAULT_OUTBOUND_FILTER,
    FAULT_NO_ISSUER,
    FAULT_ISSUER,
    FAULT_PORTAL,
    FAULT_CLOCK,
    FAULT_CERTIFICATE,
    FAULT_CHAIN,
    FAULT_LOCALHOST,
    FAULT_CAPTIVE,
    FAULT_SIGNING_KEY,
    FAULT_KEY_ENCRYPTED,
    FAULT_KEY_DER,
    FAULT_NO_SIGNING_KEY,
    FAULT_REPLICA_KEYS,
    FAULT_NOT_RUNNING,
    FAULT_NOT_READY,
    FAULT_RESTING,
    FAULT_FULL,
    FAULT_QUOTA,
    FAULT_UNPRICED,
    FAULT_TOKENS_REFUSED,
    FAULT_SCOPE,
    FAULT_INSTANCE_ID,
    FAULT_NOT_RELOADED,
    FAULT_RELOAD_REFUSED,
    FAULT_GITLAB_VERSION,
    FAULT_BYPASS,
    FAULT_MODEL_ADDRESS,
    FAULT_MODEL_NAME,
    FAULT_MODEL_PATH,
    FAULT_MODEL_KEY,
    FAULT_MODEL_LIMIT,
    FAULT_MODEL_SLOW,
    FAULT_MODEL_TEMPLATE,
    FAULT_MODEL_TOOLS,
    FAULT_MODEL_CONTEXT,
    FAULT_MODEL_OTHER,
    FAULT_BUFFERED,
    FAULT_CUT,
    FAULT_CUT_ROUND,
    FAULT_STREAM,
    FAULT_STORE_NAME,
    FAULT_STORE_ADDRESS,
    FAULT_STORE_OTHER,
    FAULT_STORE_SILENT,
    FAULT_STORE_PASSWORD,
    FAULT_STORE_DATABASE,
    FAULT_STORE_DENIED,
    FAULT_STORE_ROLE,
    FAULT_STORE_BUSY,
    FAULT_STORE_FULL,
    FAULT_STORE_EVICTS,
    FAULT_STORE_SCRIPT,
    FAULT_STORE_REFUSES,
    FAULT_STORE_SLOW,
    FAULT_STORE_DOWN,
    FAULT_COUNT
};

struct doctor_remedy {
    const char *id;     /* stable, for --json: "issuer-unreachable" */
    const char *remedy; /* one sentence */
    unsigned explains;  /* groups whose failures are likely to come of this one */
};
extern const struct doctor_remedy doctor_remedies[FAULT_COUNT];

#define DOCTOR_OK   0
#define DOCTOR_WARN 1
#define DOCTOR_FAIL 2

struct doctor_finding {
    struct doctor_finding *next;
    const char *check; /* "keys", "model coder" */
    const char *found;
    int level; /* DOCTOR_OK … */
    enum doctor_fault fault;
    unsigned group;
    bool is_cause;
};

struct doctor {
    const struct cli_options *options;
    struct gw_arena *arena; /* findings live there */
    struct gw_settings settings;
    struct gw_problems problems;  /* of the configuration */
    struct gw_snapshot *snapshot; /* NULL when it has mistakes */
    const char *api_url;
    char key_id[16]; /* of the signing key configured here, "" without one */
    bool is_running; /* our gateway answers there */
    unsigned group;  /* that is being checked */
    struct doctor_finding *first, **tail;
};

void doctor_ok(struct doctor *d, const char *check, const char *fmt, ...) AIGW_PRINTF(3, 4);
void doctor_warn(struct doctor *d, const char *check, enum doctor_fault fault, const char *fmt, ...) AIGW_PRINTF(4, 5);
void doctor_fail(struct doctor *d, const char *check, enum doctor_fault fault, const char *fmt, ...) AIGW_PRINTF(4, 5);

/* config.c, limits.c, network.c, store.c, keys.c, running.c, models.c, stream.c: one function for each group. */
void doctor_check_config(struct doctor *d);
void doctor_check_limits(struct doctor *d);
void doctor_check_network(struct doctor *d);
void doctor_check_store(struct doctor *d);
void doctor_check_keys(struct doctor *d);
void doctor_check_running(struct doctor *d);
void doctor_check_models(struct doctor *d);
void doctor_check_stream(struct doctor *d);

/* shared */
/** Where conf.d says that the server of this provider is; "" when it does not. */
const char *doctor_url_of(struct doctor *d, const struct gw_instance *provider);
/** Is this process in a container, where localhost is not the host? */
bool doctor_in_container(void);
/** "http://127.0.0.1:8000/v1" and its like. */
bool doctor_is_loopback_url(const char *url);
/** What kind of fault a failed connection to this URL is; `otherwise` when nothing else fits. */
enum doctor_fault doctor_connection_fault(struct doctor *d, const char *url, const char *error,
                                          enum doctor_fault otherwise);

#endif
