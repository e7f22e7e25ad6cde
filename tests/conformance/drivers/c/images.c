/* Operations on the images of a store. */
#include "driver.h"

/* `id` and `tags` of an image, as its accessors tell them. */
json_t *id_and_tags(const layerkit_image *image) {
    json_t *tags = json_array();
    for (size_t i = 0; i < layerkit_image_tags_count(image); i++)
        json_array_append_new(tags, json_string(layerkit_image_tags_at(image, i)));
    return json_pack("{s:s, s:o}", "id", layerkit_image_id(image), "tags", tags);
}

static json_t *ids_and_tags(const layerkit_image_list *list) {
    json_t *images = json_array();
    for (size_t i = 0; i < layerkit_image_list_count(list); i++)
        json_array_append_new(images, id_and_tags(layerkit_image_list_at(list, i)));
    return images;
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
    open_source(request, "source", &place);
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
    open_source(request, "source", &place);
    bool any = fill_load(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_load(request->engine, &place.source, any ? &options : NULL, watch.given, &list);
    if (list) *ok = ids_and_tags(list);
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
    open_target(request, "target", &place);
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

static layerkit_error *images_prune(struct request *request, json_t **ok) {
    return prune_with(request, ok, layerkit_images_prune);
}

static layerkit_error *images_pull(struct request *request, json_t **ok) {
    layerkit_pull_options options = LAYERKIT_PULL_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    layerkit_error *error = NULL;
    struct watch watch;
    const char *name = take_text(request, "name");
    bool any = fill_pull(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_pull(request->engine, name, any ? &options : NULL, watch.given, &list);
    if (list) *ok = ids_and_tags(list);
    layerkit_image_list_free(list);
    end_watch(&watch);
    return error;
}

static layerkit_error *images_push(struct request *request, json_t **ok) {
    layerkit_push_options options = LAYERKIT_PUSH_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *name = take_text(request, "name");
    bool any = fill_push(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_push(request->engine, name, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *images_search(struct request *request, json_t **ok) {
    layerkit_search_options options = LAYERKIT_SEARCH_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *term = take_text(request, "term");
    bool any = fill_search(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_images_search(request->engine, term, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

const struct entry images_operations[] = {
    {"images_list", images_list},
    {"images_get", images_get},
    {"images_import", images_import},
    {"images_load", images_load},
    {"images_save", images_save},
    {"images_remove", images_remove},
    {"images_prune", images_prune},
    {"images_pull", images_pull},
    {"images_push", images_push},
    {"images_search", images_search},
    {NULL, NULL},
};
