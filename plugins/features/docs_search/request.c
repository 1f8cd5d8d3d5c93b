/* request.c - what a search may look like. The table checks the body and is the schema in the API document. */
#include "request.h"

#define LABEL .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, .offset = AIGW_BODY_NOWHERE, .max = 100

static const struct aigw_body_field metadata_fields[] = {
    { .name = "source", LABEL },
    { .name = "version", LABEL },
};

static const struct aigw_body_table metadata_table = { AIGW_BODY_FIELDS(metadata_fields) };

static const struct aigw_body_field payload_fields[] = {
    { .name = "query",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct ds_request, query),
      .max = 400000,
      .description = "what is looked for, in any words" },
    { .name = "page_size",
      .type = AIGW_BODY_INT,
      .offset = offsetof(struct ds_request, page_size),
      .low = 1,
      .high = DS_PAGE_MAX,
      .default_value = "4",
      .description = "most results" },
};

static const struct aigw_body_table payload_table = { AIGW_BODY_FIELDS(payload_fields) };

static const struct aigw_body_field request_fields[] = {
    { .name = "type", LABEL },
    { .name = "metadata", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_REQUIRED, .table = &metadata_table },
    { .name = "payload", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_REQUIRED, .table = &payload_table },
};

const struct aigw_body_table ds_request_table = { AIGW_BODY_FIELDS(request_fields), .size = sizeof(struct ds_request) };
