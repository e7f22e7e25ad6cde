/* Operations on the containers of a store. */
#include "driver.h"

layerkit_error *get_container(struct request *request, layerkit_container **container) {
    const char *name = take_text(request, "container");
    layerkit_error *error;
    if (request->trouble[0]) return NULL;
    error = layerkit_containers_get(request->engine, name, container);
    if (!error) handles++;
    return error;
}

void let_go_container(layerkit_container *container) {
    if (container) handles--;
    layerkit_container_free(container);
}

static layerkit_error *containers_create(struct request *request, json_t **ok) {
    layerkit_create_options options = LAYERKIT_CREATE_OPTIONS_INIT;
    layerkit_container *container = NULL;
    layerkit_error *error = NULL;
    struct watch watch;
    const char *image = take_text(request, "image");
    bool any = fill_create(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_containers_create(request->engine, image, any ? &options : NULL, watch.given, &container);
    if (container) {
        json_t *warnings = json_array();
        for (size_t i = 0; i < layerkit_container_warnings_count(container); i++)
            json_array_append_new(warnings, json_string(layerkit_container_warnings_at(container, i)));
        *ok = json_pack("{s:s, s:s, s:o}", "id", layerkit_container_id(container), "name",
                        layerkit_container_name(container), "warnings", warnings);
    }
    layerkit_container_free(container);
    end_watch(&watch);
    return error;
}

static layerkit_error *containers_run(struct request *request, json_t **ok) {
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    struct talk talk;
    char *text = NULL;
    const char *image = take_text(request, "image");
    open_talk(request, &talk);
    bool any = fill_run(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_containers_run(request->engine, image, any ? &options : NULL, &talk.streams, watch.given, NULL,
                                        &text, NULL);
    *ok = report(text);
    close_talk(&talk, *ok);
    end_watch(&watch);
    return error;
}

static layerkit_error *containers_list(struct request *request, json_t **ok) {
    layerkit_container_list_options options = LAYERKIT_CONTAINER_LIST_OPTIONS_INIT;
    layerkit_container_list *list = NULL;
    layerkit_error *error;
    char *text = NULL;
    bool any = fill_container_list(request, &options);
    if (request->trouble[0]) return NULL;
    error = layerkit_containers_list(request->engine, any ? &options : NULL, &list);
    if (error) return error;
    error = layerkit_container_list_json(list, &text);
    *ok = report(text);
    layerkit_container_list_free(list);
    return error;
}

static layerkit_error *containers_get(struct request *request, json_t **ok) {
    layerkit_container *container = NULL;
    layerkit_error *error = get_container(request, &container);
    char *text = NULL;
    fill_nothing(request);
    if (container && !request->trouble[0]) error = layerkit_container_json(container, &text);
    *ok = report(text);
    let_go_container(container);
    return error;
}

static layerkit_error *containers_prune(struct request *request, json_t **ok) {
    layerkit_container_prune_options options = LAYERKIT_CONTAINER_PRUNE_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    bool any = fill_container_prune(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_containers_prune(request->engine, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

const struct entry containers_operations[] = {
    {"containers_create", containers_create},
    {"containers_run", containers_run},
    {"containers_list", containers_list},
    {"containers_get", containers_get},
    {"containers_prune", containers_prune},
    {NULL, NULL},
};
