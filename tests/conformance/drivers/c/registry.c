/* Operations on registries. */
#include "driver.h"

static layerkit_error *registry_login(struct request *request, json_t **ok) {
    layerkit_login_options options = LAYERKIT_LOGIN_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *server = take_text(request, "server");
    bool any = fill_login(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_login(request->engine, server, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_logout(struct request *request, json_t **ok) {
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *server = take_text(request, "server");
    fill_nothing(request);
    begin_watch(request, &watch);
    if (!request->trouble[0]) error = layerkit_registry_logout(request->engine, server, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_ping(struct request *request, json_t **ok) {
    layerkit_registry_options options = LAYERKIT_REGISTRY_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *server = take_text(request, "server");
    bool any = fill_registry(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_ping(request->engine, server, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_tags(struct request *request, json_t **ok) {
    layerkit_tags_options options = LAYERKIT_TAGS_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *repository = take_text(request, "repository");
    bool any = fill_tags(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_tags(request->engine, repository, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_manifest(struct request *request, json_t **ok) {
    layerkit_manifest_options options = LAYERKIT_MANIFEST_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *name = take_text(request, "name");
    bool any = fill_manifest(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_manifest(request->engine, name, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_referrers(struct request *request, json_t **ok) {
    layerkit_referrers_options options = LAYERKIT_REFERRERS_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *name = take_text(request, "name");
    bool any = fill_referrers(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_referrers(request->engine, name, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_copy(struct request *request, json_t **ok) {
    layerkit_copy_options options = LAYERKIT_COPY_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    const char *source = take_text(request, "source"), *destination = take_text(request, "destination");
    bool any = fill_copy(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_copy(request->engine, source, destination, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *registry_delete(struct request *request, json_t **ok) {
    layerkit_registry_options options = LAYERKIT_REGISTRY_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    const char *name = take_text(request, "name");
    (void)ok;
    bool any = fill_registry(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_registry_delete(request->engine, name, any ? &options : NULL, watch.given);
    end_watch(&watch);
    return error;
}

const struct entry registry_operations[] = {
    {"registry_login", registry_login},
    {"registry_logout", registry_logout},
    {"registry_ping", registry_ping},
    {"registry_tags", registry_tags},
    {"registry_manifest", registry_manifest},
    {"registry_referrers", registry_referrers},
    {"registry_copy", registry_copy},
    {"registry_delete", registry_delete},
    {NULL, NULL},
};
