/* Operations on one container, through its object. */
#include "driver.h"

/* A call under way: each operation begins with the container, and ends with what was got for the call. */
struct call {
    layerkit_container *container;
    struct watch watch;
    struct talk talk;
    char *text;
};

/* Looks the container up. What the option struct takes has been taken out of the arguments. */
static layerkit_error *begin(struct request *request, struct call *call) {
    layerkit_error *error = get_container(request, &call->container);
    begin_watch(request, &call->watch);
    return error;
}

static bool ready(const struct request *request, const struct call *call) {
    return call->container && !request->trouble[0];
}

static void end(struct call *call, json_t **ok) {
    *ok = report(call->text);
    end_watch(&call->watch);
    let_go_container(call->container);
}

static layerkit_error *container_start(struct request *request, json_t **ok) {
    layerkit_start_options options = LAYERKIT_START_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    open_talk(request, &call.talk);
    bool any = fill_start(request, &options);
    if (ready(request, &call))
        error = layerkit_container_start(call.container, any ? &options : NULL, &call.talk.streams, call.watch.given,
                                         NULL, &call.text);
    end(&call, ok);
    close_talk(&call.talk, *ok);
    return error;
}

static layerkit_error *container_attach(struct request *request, json_t **ok) {
    layerkit_attach_options options = LAYERKIT_ATTACH_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    open_talk(request, &call.talk);
    bool any = fill_attach(request, &options);
    if (ready(request, &call))
        error = layerkit_container_attach(call.container, any ? &options : NULL, &call.talk.streams, call.watch.given,
                                          NULL, &call.text);
    end(&call, ok);
    close_talk(&call.talk, *ok);
    return error;
}

static layerkit_error *container_wait(struct request *request, json_t **ok) {
    layerkit_wait_options options = LAYERKIT_WAIT_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    bool any = fill_wait(request, &options);
    if (ready(request, &call))
        error = layerkit_container_wait(call.container, any ? &options : NULL, call.watch.given, NULL, &call.text);
    end(&call, ok);
    return error;
}

typedef layerkit_error *(*stop)(const layerkit_container *, const layerkit_stop_options *, const layerkit_task *);

static layerkit_error *stop_with(struct request *request, json_t **ok, stop function) {
    layerkit_stop_options options = LAYERKIT_STOP_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    bool any = fill_stop(request, &options);
    if (ready(request, &call)) error = function(call.container, any ? &options : NULL, call.watch.given);
    end(&call, ok);
    return error;
}

static layerkit_error *container_stop(struct request *request, json_t **ok) {
    return stop_with(request, ok, layerkit_container_stop);
}

static layerkit_error *container_restart(struct request *request, json_t **ok) {
    return stop_with(request, ok, layerkit_container_restart);
}

static layerkit_error *container_kill(struct request *request, json_t **ok) {
    layerkit_kill_options options = LAYERKIT_KILL_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    bool any = fill_kill(request, &options);
    if (ready(request, &call)) error = layerkit_container_kill(call.container, any ? &options : NULL);
    end(&call, ok);
    return error;
}

typedef layerkit_error *(*command)(const layerkit_container *);

static layerkit_error *do_with(struct request *request, json_t **ok, command function) {
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    fill_nothing(request);
    if (ready(request, &call)) error = function(call.container);
    end(&call, ok);
    return error;
}

static layerkit_error *container_pause(struct request *request, json_t **ok) {
    return do_with(request, ok, layerkit_container_pause);
}

static layerkit_error *container_unpause(struct request *request, json_t **ok) {
    return do_with(request, ok, layerkit_container_unpause);
}

/* An argument that is a number of lines or characters, taken out. */
static uint16_t take_size(struct request *request, const char *name) {
    json_t *value = take(request, name);
    uint16_t size = (uint16_t)json_integer_value(value);
    json_decref(value);
    return size;
}

static layerkit_error *container_resize(struct request *request, json_t **ok) {
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    uint16_t rows = take_size(request, "rows"), cols = take_size(request, "cols");
    fill_nothing(request);
    if (ready(request, &call)) error = layerkit_container_resize(call.container, rows, cols);
    end(&call, ok);
    return error;
}

static layerkit_error *container_logs(struct request *request, json_t **ok) {
    layerkit_logs_options options = LAYERKIT_LOGS_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    open_talk(request, &call.talk);
    bool any = fill_logs(request, &options);
    if (ready(request, &call))
        error = layerkit_container_logs(call.container, any ? &options : NULL, &call.talk.streams, call.watch.given);
    end(&call, ok);
    *ok = json_object();
    close_talk(&call.talk, *ok);
    return error;
}

static layerkit_error *container_exec(struct request *request, json_t **ok) {
    layerkit_exec_options options = LAYERKIT_EXEC_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    open_talk(request, &call.talk);
    bool any = fill_exec(request, &options);
    if (ready(request, &call))
        error = layerkit_container_exec(call.container, any ? &options : NULL, &call.talk.streams, call.watch.given, NULL,
                                        &call.text);
    end(&call, ok);
    close_talk(&call.talk, *ok);
    return error;
}

static layerkit_error *container_rename(struct request *request, json_t **ok) {
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    const char *name = take_text(request, "name");
    fill_nothing(request);
    if (ready(request, &call)) error = layerkit_container_rename(call.container, name);
    end(&call, ok);
    return error;
}

static layerkit_error *container_remove(struct request *request, json_t **ok) {
    layerkit_container_remove_options options = LAYERKIT_CONTAINER_REMOVE_OPTIONS_INIT;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    bool any = fill_container_remove(request, &options);
    if (ready(request, &call)) error = layerkit_container_remove(call.container, any ? &options : NULL);
    end(&call, ok);
    return error;
}

static layerkit_error *container_commit(struct request *request, json_t **ok) {
    layerkit_commit_options options = LAYERKIT_COMMIT_OPTIONS_INIT;
    layerkit_image *image = NULL;
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    bool any = fill_commit(request, &options);
    if (ready(request, &call))
        error = layerkit_container_commit(call.container, any ? &options : NULL, call.watch.given, &image);
    end(&call, ok);
    if (image) *ok = json_pack("{s:s}", "id", layerkit_image_id(image));
    layerkit_image_free(image);
    return error;
}

static layerkit_error *container_diff(struct request *request, json_t **ok) {
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    fill_nothing(request);
    if (ready(request, &call)) error = layerkit_container_diff(call.container, call.watch.given, &call.text);
    end(&call, ok);
    return error;
}

static layerkit_error *container_export(struct request *request, json_t **ok) {
    struct call call = {0};
    struct place place;
    layerkit_error *error = begin(request, &call);
    open_target(request, "target", &place);
    fill_nothing(request);
    if (ready(request, &call)) error = layerkit_container_export(call.container, &place.target, call.watch.given);
    end(&call, ok);
    close_place(&place);
    return error;
}

static layerkit_error *container_get_archive(struct request *request, json_t **ok) {
    struct call call = {0};
    struct place place;
    layerkit_error *error = begin(request, &call);
    const char *path = take_text(request, "path");
    open_target(request, "target", &place);
    fill_nothing(request);
    if (ready(request, &call))
        error = layerkit_container_get_archive(call.container, path, &place.target, call.watch.given, &call.text);
    end(&call, ok);
    close_place(&place);
    return error;
}

static layerkit_error *container_put_archive(struct request *request, json_t **ok) {
    layerkit_put_archive_options options = LAYERKIT_PUT_ARCHIVE_OPTIONS_INIT;
    struct call call = {0};
    struct place place;
    layerkit_error *error = begin(request, &call);
    const char *path = take_text(request, "path");
    open_source(request, "source", &place);
    bool any = fill_put_archive(request, &options);
    if (ready(request, &call))
        error = layerkit_container_put_archive(call.container, path, &place.source, any ? &options : NULL,
                                               call.watch.given);
    end(&call, ok);
    close_place(&place);
    return error;
}

static layerkit_error *container_stat(struct request *request, json_t **ok) {
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    const char *path = take_text(request, "path");
    fill_nothing(request);
    if (ready(request, &call)) error = layerkit_container_stat(call.container, path, &call.text);
    end(&call, ok);
    return error;
}

typedef layerkit_error *(*look)(const layerkit_container *, char **);

static layerkit_error *look_with(struct request *request, json_t **ok, look function) {
    struct call call = {0};
    layerkit_error *error = begin(request, &call);
    fill_nothing(request);
    if (ready(request, &call)) error = function(call.container, &call.text);
    end(&call, ok);
    return error;
}

static layerkit_error *container_inspect(struct request *request, json_t **ok) {
    return look_with(request, ok, layerkit_container_inspect);
}

static layerkit_error *container_top(struct request *request, json_t **ok) {
    return look_with(request, ok, layerkit_container_top);
}

const struct entry container_operations[] = {
    {"container_start", container_start},
    {"container_attach", container_attach},
    {"container_wait", container_wait},
    {"container_stop", container_stop},
    {"container_restart", container_restart},
    {"container_kill", container_kill},
    {"container_pause", container_pause},
    {"container_unpause", container_unpause},
    {"container_resize", container_resize},
    {"container_logs", container_logs},
    {"container_exec", container_exec},
    {"container_rename", container_rename},
    {"container_remove", container_remove},
    {"container_commit", container_commit},
    {"container_diff", container_diff},
    {"container_export", container_export},
    {"container_get_archive", container_get_archive},
    {"container_put_archive", container_put_archive},
    {"container_stat", container_stat},
    {"container_inspect", container_inspect},
    {"container_top", container_top},
    {NULL, NULL},
};
