/* Operations on one image, through its object. */
#include "driver.h"

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
    open_target(request, "target", &place);
    bool any = fill_save(request, &options);
    begin_watch(request, &watch);
    if (image && !request->trouble[0])
        error = layerkit_image_save(image, &place.target, any ? &options : NULL, watch.given);
    end_watch(&watch);
    close_place(&place);
    let_go(image);
    return error;
}

static layerkit_error *image_push(struct request *request, json_t **ok) {
    layerkit_push_options options = LAYERKIT_PUSH_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    struct watch watch;
    char *text = NULL;
    bool any = fill_push(request, &options);
    begin_watch(request, &watch);
    if (image && !request->trouble[0])
        error = layerkit_image_push(image, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
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

static layerkit_error *image_files(struct request *request, json_t **ok) {
    layerkit_files_options options = LAYERKIT_FILES_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    struct watch watch;
    char *text = NULL;
    bool any = fill_image_files(request, &options);
    begin_watch(request, &watch);
    if (image && !request->trouble[0])
        error = layerkit_image_files(image, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    let_go(image);
    return error;
}

static layerkit_error *image_read(struct request *request, json_t **ok) {
    const char *path = take_text(request, "path");
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    struct place place;
    struct watch watch;
    (void)ok;
    open_target(request, "target", &place);
    fill_nothing(request);
    begin_watch(request, &watch);
    if (image && !request->trouble[0]) error = layerkit_image_read(image, path, &place.target, watch.given);
    end_watch(&watch);
    close_place(&place);
    let_go(image);
    return error;
}

static layerkit_error *image_diff(struct request *request, json_t **ok) {
    layerkit_image_diff_options options = LAYERKIT_IMAGE_DIFF_OPTIONS_INIT;
    const char *other = take_text(request, "other");
    layerkit_image *image = NULL;
    layerkit_error *error = get(request, &image);
    struct watch watch;
    char *text = NULL;
    bool any = fill_image_diff(request, &options);
    begin_watch(request, &watch);
    if (image && !request->trouble[0])
        error = layerkit_image_diff(image, other, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
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

const struct entry image_operations[] = {
    {"image_tag", image_tag},
    {"image_history", image_history},
    {"image_inspect", image_inspect},
    {"image_save", image_save},
    {"image_push", image_push},
    {"image_unpack", image_unpack},
    {"image_files", image_files},
    {"image_read", image_read},
    {"image_diff", image_diff},
    {"image_remove", image_remove},
    {NULL, NULL},
};
