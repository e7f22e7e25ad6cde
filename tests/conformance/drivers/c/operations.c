/* The operations, each one call of the public interface: the table of them, and what several need. */
#include <string.h>

#include "driver.h"

json_t *report(char *text) {
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    layerkit_string_free(text);
    return value;
}

layerkit_error *get(struct request *request, layerkit_image **image) {
    const char *name = take_text(request, "image");
    layerkit_error *error;
    if (request->trouble[0]) return NULL;
    error = layerkit_images_get(request->engine, name, image);
    if (!error) handles++;
    return error;
}

void let_go(layerkit_image *image) {
    if (image) handles--;
    layerkit_image_free(image);
}

layerkit_error *prune_with(struct request *request, json_t **ok, prune call) {
    layerkit_prune_options options = LAYERKIT_PRUNE_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    bool any = fill_prune(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0]) error = call(request->engine, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *engine_close(struct request *request, json_t **ok) {
    (void)ok;
    fill_nothing(request);
    return request->trouble[0] ? NULL : layerkit_engine_close(request->engine);
}

static const struct entry engine_operations[] = {{"engine_close", engine_close}, {NULL, NULL}};

static const struct entry *const tables[] = {
    engine_operations,    images_operations,   build_operations,  image_operations,      containers_operations,
    container_operations, registry_operations, system_operations, dockerfile_operations,
};

enum { TABLES = sizeof tables / sizeof *tables };

operation find_operation(const char *name) {
    for (size_t i = 0; i < TABLES; i++)
        for (const struct entry *entry = tables[i]; entry->name; entry++)
            if (!strcmp(entry->name, name)) return entry->call;
    return NULL;
}

json_t *operation_names(void) {
    json_t *names = json_pack("[s]", "engine_open");
    for (size_t i = 0; i < TABLES; i++)
        for (const struct entry *entry = tables[i]; entry->name; entry++)
            json_array_append_new(names, json_string(entry->name));
    return names;
}
