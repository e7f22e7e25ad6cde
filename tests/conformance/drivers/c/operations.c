/* The operations, each one call of the public interface. */
#include <string.h>

#include "driver.h"

/* A report as a JSON value; the text is freed. */
static json_t *report(char *text) {
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    layerkit_string_free(text);
    return value;
}

/* `id` and `tags` of an image, as its accessors tell them. */
static json_t *id_and_tags(const layerkit_image *image) {
    json_t *tags = json_array();
    for (size_t i = 0; i < layerkit_image_tags_count(image); i++)
        json_array_append_new(tags, json_string(layerkit_image_tags_at(image, i)));
    return json_pack("{s:s, s:o}", "id", layerkit_image_id(image), "tags", tags);
}

/* Looks up the image that the argument `image` names. */
static layerkit_error *get(struct request *request, layerkit_image **image) {
    const char *name = take_text(request, "image");
    layerkit_error *error;
    if (request->trouble[0]) return NULL;
    error = layerkit_images_get(request->engine, name, image);
    if (!error) handles++;
    return error;
}

static void let_go(layerkit_image *image) {
    if (image) handles--;
    layerkit_image_free(image);
}

static layerkit_error *engine_close(struct request *request, json_t **ok) {
    (void)ok;
    fill_nothing(request);
    return request->trouble[0] ? NULL : layerkit_engine_close(request->engine);
}

static layerkit_error *images_list(struct request *request, json_t **ok) {
    layerkit_list_options options = LAYERKIT_LIST_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    layerkit_error *error;
    char *text = NULL;
    bool any = fill_list(request, &options);
    if (request->trouble[0]) return NULL;
    error = layerkit_images_list(request->engine, any ? &options : NULL, &list);
    if (error) return error;
    error = layerkit_image_list_json(list, &text);
    *ok = report(text);
    layerkit_image_list_free(list);
    return error;
}

static layerkit_error *images_get(struct request *request, json_t **ok) {
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    char *text = NULL;
    fill_nothing(request);
    if (image && !error) error = layerkit_image_json(image, &text);
    *ok = report(text);
    let_go(image);
    return error;
}

static layerkit_error *images_import(struct request *request, json_t **ok) {
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error = NULL;
    struct place place;
    struct watch watch;
    open_source(request, &place);
    bool any = fill_import(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_import(request->engine, &place.source, any ? &options : NULL, watch.given, &image);
    if (image) *ok = json_pack("{s:s}", "id", layerkit_image_id(image));
    layerkit_image_free(image);
    end_watch(&watch);
    close_place(&place);
    return error;
}

static layerkit_error *images_load(struct request *request, json_t **ok) {
    layerkit_load_options options = LAYERKIT_LOAD_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    layerkit_error *error = NULL;
    struct place place;
    struct watch watch;
    open_source(request, &place);
    bool any = fill_load(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_load(request->engine, &place.source, any ? &options : NULL, watch.given, &list);
    if (list) {
        *ok = json_array();
        for (size_t i = 0; i < layerkit_image_list_count(list); i++)
            json_array_append_new(*ok, id_and_tags(layerkit_image_list_at(list, i)));
    }
    layerkit_image_list_free(list);
    end_watch(&watch);
    close_place(&place);
    return error;
}

static layerkit_error *images_save(struct request *request, json_t **ok) {
    layerkit_save_options options = LAYERKIT_SAVE_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct place place;
    struct watch watch;
    json_t *images = take(request, "images"), *image;
    size_t index, count = json_array_size(images);
    const char **names = keep(request, count * sizeof *names);
    (void)ok;
    json_array_foreach(images, index, image) names[index] = json_string_value(image);
    open_target(request, &place);
    bool any = fill_save(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_save(request->engine, names, count, &place.target, any ? &options : NULL, watch.given);
    end_watch(&watch);
    close_place(&place);
    json_decref(images);
    return error;
}

static layerkit_error *images_remove(struct request *request, json_t **ok) {
    layerkit_remove_options options = LAYERKIT_REMOVE_OPTIONS_INIT;
    const char *image = take_text(request, "image");
    layerkit_error *error;
    char *text = NULL;
    bool any = fill_remove(request, &options);
    if (request->trouble[0]) return NULL;
    error = layerkit_images_remove(request->engine, image, any ? &options : NULL, &text);
    *ok = report(text);
    return error;
}

typedef layerkit_error *(*prune)(const layerkit_engine *, const layerkit_prune_options *, const layerkit_task *, char **);

static layerkit_error *prune_with(struct request *request, json_t **ok, prune call) {
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

static layerkit_error *images_prune(struct request *request, json_t **ok) {
    return prune_with(request, ok, layerkit_images_prune);
}

static layerkit_error *images_build(struct request *request, json_t **ok) {
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error = NULL;
    struct watch watch;
    bool any = fill_build(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_build(request->engine, any ? &options : NULL, watch.given, &image);
    if (image) *ok = id_and_tags(image);
    layerkit_image_free(image);
    end_watch(&watch);
    return error;
}

static layerkit_error *image_tag(struct request *request, json_t **ok) {
    const char *name = take_text(request, "name");
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    (void)ok;
    fill_nothing(request);
    if (image && !request->trouble[0]) error = layerkit_image_tag(image, name);
    let_go(image);
    return error;
}

typedef layerkit_error *(*look)(const layerkit_image *, char **);

static layerkit_error *look_with(struct request *request, json_t **ok, look call) {
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    char *text = NULL;
    fill_nothing(request);
    if (image && !request->trouble[0]) error = call(image, &text);
    *ok = report(text);
    let_go(image);
    return error;
}

static layerkit_error *image_history(struct request *request, json_t **ok) {
    return look_with(request, ok, layerkit_image_history);
}

static layerkit_error *image_inspect(struct request *request, json_t **ok) {
    return look_with(request, ok, layerkit_image_inspect);
}

static layerkit_error *image_save(struct request *request, json_t **ok) {
    layerkit_save_options options = LAYERKIT_SAVE_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    struct place place;
    struct watch watch;
    (void)ok;
    open_target(request, &place);
    bool any = fill_save(request, &options);
    begin_watch(request, &watch);
    if (image && !request->trouble[0])
        error = layerkit_image_save(image, &place.target, any ? &options : NULL, watch.given);
    end_watch(&watch);
    close_place(&place);
    let_go(image);
    return error;
}

static layerkit_error *image_unpack(struct request *request, json_t **ok) {
    layerkit_unpack_options options = LAYERKIT_UNPACK_OPTIONS_INIT;
    const char *directory = take_text(request, "directory");
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    struct watch watch;
    (void)ok;
    bool any = fill_unpack(request, &options);
    begin_watch(request, &watch);
    if (image && !request->trouble[0])
        error = layerkit_image_unpack(image, directory, any ? &options : NULL, watch.given);
    end_watch(&watch);
    let_go(image);
    return error;
}

static layerkit_error *image_remove(struct request *request, json_t **ok) {
    layerkit_remove_options options = LAYERKIT_REMOVE_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    char *text = NULL;
    bool any = fill_remove(request, &options);
    if (image && !request->trouble[0]) error = layerkit_image_remove(image, any ? &options : NULL, &text);
    *ok = report(text);
    let_go(image);
    return error;
}

static layerkit_error *system_info(struct request *request, json_t **ok) {
    char *text = NULL;
    fill_nothing(request);
    layerkit_error *error = layerkit_system_info(request->engine, &text);
    *ok = report(text);
    return error;
}

static layerkit_error *system_df(struct request *request, json_t **ok) {
    char *text = NULL;
    fill_nothing(request);
    layerkit_error *error = layerkit_system_df(request->engine, &text);
    *ok = report(text);
    return error;
}

static layerkit_error *system_verify(struct request *request, json_t **ok) {
    layerkit_verify_options options = LAYERKIT_VERIFY_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    bool any = fill_verify(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_system_verify(request->engine, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *system_prune(struct request *request, json_t **ok) {
    return prune_with(request, ok, layerkit_system_prune);
}

#define OPERATION(name) {#name, name}

static const struct {
    const char *name;
    operation call;
} operations[] = {
    OPERATION(engine_close), OPERATION(images_list),   OPERATION(images_get),    OPERATION(images_import),
    OPERATION(images_load),  OPERATION(images_save),   OPERATION(images_remove), OPERATION(images_prune),
    OPERATION(images_build), OPERATION(image_tag),     OPERATION(image_history), OPERATION(image_inspect),
    OPERATION(image_save),   OPERATION(image_unpack),  OPERATION(image_remove),  OPERATION(system_info),
    OPERATION(system_df),    OPERATION(system_verify), OPERATION(system_prune),
};

operation find_operation(const char *name) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (!strcmp(operations[i].name, name)) return operations[i].call;
    return NULL;
}

json_t *operation_names(void) {
    json_t *names = json_pack("[s]", "engine_open");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        json_array_append_new(names, json_string(operations[i].name));
    return names;
}
