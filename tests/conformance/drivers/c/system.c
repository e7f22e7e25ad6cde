/* Operations on the store as a whole. */
#include "driver.h"

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

const struct entry system_operations[] = {
    {"system_info", system_info},
    {"system_df", system_df},
    {"system_verify", system_verify},
    {"system_prune", system_prune},
    {NULL, NULL},
};
