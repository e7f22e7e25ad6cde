/* Dockerfiles as data. */
#include "driver.h"

static layerkit_error *dockerfile_parse(struct request *request, json_t **ok) {
    const char *given = take_text(request, "text");
    layerkit_error *error = NULL;
    char *text = NULL;
    fill_nothing(request);
    if (!request->trouble[0]) error = layerkit_dockerfile_parse(given, &text);
    *ok = report(text);
    return error;
}

const struct entry dockerfile_operations[] = {{"dockerfile_parse", dockerfile_parse}, {NULL, NULL}};
