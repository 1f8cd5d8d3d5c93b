/* request.h - the body of a v2 code request, checked. Strings point into the body and the parsed document: they
 * live for the build. */
#ifndef CS_REQUEST_H
#define CS_REQUEST_H

#include "fields.h"

/** Where the client wants its model; from the flat model_* members or from `model_metadata`. */
struct cs_model {
    aigw_str provider, name, endpoint, api_key, identifier;
    bool is_adhoc; /* the client's own model server; else a name that conf.d may know, or nothing */
};

struct cs_request {
    int version; /* prompt_version: 1, 2 or 3 */
    bool stream;
    aigw_str file_name, language_identifier, above, below;
    struct cs_model model;
    const struct pj *context;  /* list of {type, name, content}, NULL for none */
    const struct pj *messages; /* version 3: list of {role, content}, NULL for none */
};

/** Read `document` as the body of a completion request. True when it is good; else check has the errors. */
bool cs_read_completion(struct cs_check *check, const struct pj *document, struct cs_request *ret_request);

/** Parts that other routes share. */
bool cs_read_metadata(struct cs_check *check, const struct pj *document, struct cs_model *ret_model);
void cs_read_messages(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
                      const struct pj **ret);

#endif
