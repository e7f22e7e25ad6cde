/* Option structs as tables of their fields, for what fills them from a request. */
#ifndef FIELDS_H
#define FIELDS_H

#include <stddef.h>

#include "driver.h"

/* What a field of an option struct takes. */
enum kind { TEXT, FLAG, NOT, NUMBER, SET_NUMBER, COUNT, SET_COUNT, SHORT, SIGNED, EPOCH, TEXTS, MAP, LISTS, AUTH, ULIMITS };

/* A field; the last line of a table has no key. */
struct field {
    const char *key;
    enum kind kind;
    size_t at;
    /* Where the count of an array is, or the flag that says that an epoch or a number (SET_…) is set. */
    size_t beside;
};

#define AT(type, name) offsetof(layerkit_##type##_options, name)

/* Fills a struct with what is left of the arguments, and says whether anything was. */
bool fill(struct request *request, const struct field *fields, void *options);
/* The same with an object within the arguments, which is taken out. */
bool fill_group(struct request *request, const char *name, const struct field *fields, void *options);

#endif
