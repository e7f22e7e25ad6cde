/* Arguments on their way into a call: positional ones are taken out, what remains fills the option struct. */
#include <stdlib.h>
#include <string.h>

#include "fields.h"

json_t *take(struct request *request, const char *name) {
    json_t *value = json_incref(json_object_get(request->args, name));
    if (!value) trouble(request, "argument %s is missing", name);
    json_object_del(request->args, name);
    return value;
}

const char *text_of(struct request *request, const char *key, const json_t *value) {
    if (!json_is_string(value)) {
        trouble(request, "argument %s is no string", key);
        return "";
    }
    char *copy = keep(request, json_string_length(value));
    return memcpy(copy, json_string_value(value), json_string_length(value));
}

const char *take_text(struct request *request, const char *name) {
    json_t *value = take(request, name);
    const char *text = value ? text_of(request, name, value) : "";
    json_decref(value);
    return text;
}

static void fill_texts(struct request *request, const char *key, json_t *value, const char *const **array, size_t *count) {
    const char **texts = keep(request, json_array_size(value) * sizeof *texts);
    json_t *item;
    size_t index;
    json_array_foreach(value, index, item) texts[index] = text_of(request, key, item);
    *array = texts;
    *count = json_array_size(value);
}

/* A map of strings, or of lists of strings. */
static void fill_pairs(struct request *request, json_t *value, const layerkit_pair **array, size_t *count) {
    layerkit_pair *pairs;
    json_t *item, *one;
    const char *key;
    size_t index, total = 0;
    json_object_foreach(value, key, item) total += json_is_array(item) ? json_array_size(item) : 1;
    pairs = keep(request, total * sizeof *pairs);
    *array = pairs;
    *count = total;
    json_object_foreach(value, key, item) {
        json_t *list = json_is_array(item) ? json_incref(item) : json_pack("[O]", item);
        json_array_foreach(list, index, one) {
            pairs->key = strcpy(keep(request, strlen(key)), key);
            pairs++->value = text_of(request, key, one);
        }
        json_decref(list);
    }
}

/* A list of objects with `name`, `soft` and `hard`. */
static void fill_ulimits(struct request *request, json_t *value, const layerkit_ulimit **array, size_t *count) {
    layerkit_ulimit *limit = keep(request, json_array_size(value) * sizeof *limit);
    json_t *item;
    size_t index;
    *array = limit;
    *count = json_array_size(value);
    json_array_foreach(value, index, item) {
        limit->name = text_of(request, "name", json_object_get(item, "name"));
        limit->soft = json_integer_value(json_object_get(item, "soft"));
        limit++->hard = json_integer_value(json_object_get(item, "hard"));
    }
}

static bool fill_from(struct request *request, json_t *values, const struct field *fields, void *options);

const layerkit_auth *auth_of(struct request *request, json_t *value) {
    static const struct field fields[] = {
        {"username", TEXT, offsetof(layerkit_auth, username), 0},
        {"password", TEXT, offsetof(layerkit_auth, password), 0},
        {"identity_token", TEXT, offsetof(layerkit_auth, identity_token), 0},
        {"registry_token", TEXT, offsetof(layerkit_auth, registry_token), 0},
        {NULL, TEXT, 0, 0},
    };
    layerkit_auth *auth = keep(request, sizeof *auth);
    *auth = (layerkit_auth)LAYERKIT_AUTH_INIT;
    fill_from(request, value, fields, auth);
    return auth;
}

static void fill_one(struct request *request, const struct field *field, json_t *value, char *options) {
    void *at = options + field->at, *beside = options + field->beside;
    switch (field->kind) {
    case TEXT: *(const char **)at = text_of(request, field->key, value); break;
    case FLAG: *(uint8_t *)at = json_is_true(value); break;
    case NOT: *(uint8_t *)at = json_is_false(value); break;
    case SET_NUMBER: *(uint8_t *)beside = 1; /* fall through */
    case NUMBER: *(uint64_t *)at = (uint64_t)json_integer_value(value); break;
    case SET_COUNT: *(uint8_t *)beside = 1; /* fall through */
    case COUNT: *(uint32_t *)at = (uint32_t)json_integer_value(value); break;
    case SHORT: *(uint16_t *)at = (uint16_t)json_integer_value(value); break;
    case SIGNED: *(int64_t *)at = json_integer_value(value); break;
    case EPOCH:
        *(int64_t *)at = json_integer_value(value);
        *(uint8_t *)beside = 1;
        break;
    case TEXTS: fill_texts(request, field->key, value, at, beside); break;
    case MAP:
    case LISTS: fill_pairs(request, value, at, beside); break;
    case AUTH: *(const layerkit_auth **)at = auth_of(request, value); break;
    case ULIMITS: fill_ulimits(request, value, at, beside); break;
    }
}

/* Whether a value is what a field takes. */
static bool fits(enum kind kind, const json_t *value) {
    switch (kind) {
    case TEXT: return json_is_string(value);
    case FLAG:
    case NOT: return json_is_boolean(value);
    case NUMBER:
    case SET_NUMBER:
    case COUNT:
    case SET_COUNT:
    case SHORT:
    case SIGNED:
    case EPOCH: return json_is_integer(value);
    case TEXTS:
    case ULIMITS: return json_is_array(value);
    case MAP:
    case LISTS:
    case AUTH: return json_is_object(value);
    }
    return false;
}

/* Fills a struct with the members of an object, and says whether there were any. */
static bool fill_from(struct request *request, json_t *values, const struct field *fields, void *options) {
    const char *key;
    json_t *value;
    bool any = false;
    json_object_foreach(values, key, value) {
        const struct field *field = fields;
        if (json_is_null(value)) continue;
        while (field->key && strcmp(field->key, key)) field++;
        if (!field->key || !fits(field->kind, value)) {
            trouble(request, "argument %s is unknown, or of another type", key);
            return false;
        }
        fill_one(request, field, value, options);
        any = true;
    }
    return any;
}

bool fill(struct request *request, const struct field *fields, void *options) {
    return fill_from(request, request->args, fields, options);
}

bool fill_group(struct request *request, const char *name, const struct field *fields, void *options) {
    json_t *group = json_incref(json_object_get(request->args, name));
    if (group && !json_is_object(group)) trouble(request, "argument %s is no object", name);
    json_object_del(request->args, name);
    bool any = fill_from(request, group, fields, options);
    json_decref(group);
    return any;
}

void fill_nothing(struct request *request) {
    static const struct field none[] = {{NULL, TEXT, 0, 0}};
    fill(request, none, NULL);
}

bool fill_engine(struct request *request, layerkit_engine_options *options) {
    static const struct field fields[] = {{"root", TEXT, AT(engine, root), 0}, {NULL, TEXT, 0, 0}};
    static const struct field limits[] = {
        {"entries", NUMBER, AT(engine, limit_entries), 0},
        {"layer_size", NUMBER, AT(engine, limit_layer_size), 0},
        {"ratio", NUMBER, AT(engine, limit_ratio), 0},
        {"path_length", NUMBER, AT(engine, limit_path_length), 0},
        {NULL, TEXT, 0, 0},
    };
    static const struct field registry[] = {
        {"insecure", TEXTS, AT(engine, registry_insecure), AT(engine, registry_insecure_count)},
        {"mirrors", TEXTS, AT(engine, registry_mirrors), AT(engine, registry_mirrors_count)},
        {"ca_files", TEXTS, AT(engine, registry_ca_files), AT(engine, registry_ca_files_count)},
        {"certs_dirs", TEXTS, AT(engine, registry_certs_dirs), AT(engine, registry_certs_dirs_count)},
        {"docker_config", TEXT, AT(engine, registry_docker_config), 0},
        {"proxy", TEXT, AT(engine, registry_proxy), 0},
        {"timeout_ms", NUMBER, AT(engine, registry_timeout_ms), 0},
        {"connect_timeout_ms", NUMBER, AT(engine, registry_connect_timeout_ms), 0},
        {"retries", SET_COUNT, AT(engine, registry_retries), AT(engine, has_registry_retries)},
        {"concurrency", COUNT, AT(engine, registry_concurrency), 0},
        {NULL, TEXT, 0, 0},
    };
    bool any = fill_group(request, "limits", limits, options);
    any = fill_group(request, "registry", registry, options) || any;
    return fill(request, fields, options) || any;
}

bool fill_list(struct request *request, layerkit_list_options *options) {
    static const struct field fields[] = {
        {"all", FLAG, AT(list, all), 0},
        {"name", TEXT, AT(list, name), 0},
        {"filters", LISTS, AT(list, filters), AT(list, filters_count)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_import(struct request *request, layerkit_import_options *options) {
    static const struct field fields[] = {
        {"name", TEXT, AT(import, name), 0},
        {"changes", TEXTS, AT(import, changes), AT(import, changes_count)},
        {"message", TEXT, AT(import, message), 0},
        {"platform", TEXT, AT(import, platform), 0},
        {"compression", TEXT, AT(import, compression), 0},
        {"source_date_epoch", EPOCH, AT(import, source_date_epoch), AT(import, has_source_date_epoch)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_load(struct request *request, layerkit_load_options *options) {
    static const struct field fields[] = {{NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_save(struct request *request, layerkit_save_options *options) {
    static const struct field fields[] = {{"format", TEXT, AT(save, format), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_remove(struct request *request, layerkit_remove_options *options) {
    static const struct field fields[] = {
        {"force", FLAG, AT(remove, force), 0},
        {"no_prune", FLAG, AT(remove, no_prune), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_prune(struct request *request, layerkit_prune_options *options) {
    static const struct field fields[] = {
        {"all", FLAG, AT(prune, all), 0},
        {"dry_run", FLAG, AT(prune, dry_run), 0},
        {"filters", LISTS, AT(prune, filters), AT(prune, filters_count)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_build(struct request *request, layerkit_build_options *options) {
    static const struct field fields[] = {
        {"path", TEXT, AT(build, path), 0},
        {"dockerfile", TEXT, AT(build, dockerfile), 0},
        {"tags", TEXTS, AT(build, tags), AT(build, tags_count)},
        {"buildargs", MAP, AT(build, buildargs), AT(build, buildargs_count)},
        {"target", TEXT, AT(build, target), 0},
        {"labels", MAP, AT(build, labels), AT(build, labels_count)},
        {"no_cache", FLAG, AT(build, no_cache), 0},
        {"network", TEXT, AT(build, network), 0},
        {"platform", TEXT, AT(build, platform), 0},
        {"compression", TEXT, AT(build, compression), 0},
        {"source_date_epoch", EPOCH, AT(build, source_date_epoch), AT(build, has_source_date_epoch)},
        {"dockerfile_text", TEXT, AT(build, dockerfile_text), 0},
        {"contexts", MAP, AT(build, contexts), AT(build, contexts_count)},
        {"no_cache_stages", TEXTS, AT(build, no_cache_stages), AT(build, no_cache_stages_count)},
        {"pull", FLAG, AT(build, pull), 0},
        {"squash", FLAG, AT(build, squash), 0},
        {"jobs", COUNT, AT(build, jobs), 0},
        {"allow", TEXTS, AT(build, allow), AT(build, allow_count)},
        {"platforms", TEXTS, AT(build, platforms), AT(build, platforms_count)},
        {"ssh", MAP, AT(build, ssh), AT(build, ssh_count)},
        {"memory", NUMBER, AT(build, memory), 0},
        {"pids_limit", NUMBER, AT(build, pids_limit), 0},
        {"shm_size", NUMBER, AT(build, shm_size), 0},
        {"ulimits", ULIMITS, AT(build, ulimits), AT(build, ulimits_count)},
        {"extra_hosts", TEXTS, AT(build, extra_hosts), AT(build, extra_hosts_count)},
        {"cache_from", TEXTS, AT(build, cache_from), AT(build, cache_from_count)},
        {"cache_to", TEXTS, AT(build, cache_to), AT(build, cache_to_count)},
        {"iidfile", TEXT, AT(build, iidfile), 0},
        {"metadata_file", TEXT, AT(build, metadata_file), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_cache_prune(struct request *request, layerkit_cache_prune_options *options) {
    static const struct field fields[] = {
        {"all", FLAG, AT(cache_prune, all), 0},
        {"dry_run", FLAG, AT(cache_prune, dry_run), 0},
        {"filters", LISTS, AT(cache_prune, filters), AT(cache_prune, filters_count)},
        {"keep_storage", SET_NUMBER, AT(cache_prune, keep_storage), AT(cache_prune, has_keep_storage)},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_unpack(struct request *request, layerkit_unpack_options *options) {
    static const struct field fields[] = {{"replace", FLAG, AT(unpack, replace), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_image_files(struct request *request, layerkit_files_options *options) {
    static const struct field fields[] = {
        {"path", TEXT, AT(files, path), 0},
        {"recursive", NOT, AT(files, not_recursive), 0},
        {"follow", NOT, AT(files, no_follow), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_image_diff(struct request *request, layerkit_image_diff_options *options) {
    static const struct field fields[] = {{"mtime", FLAG, AT(image_diff, mtime), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_verify(struct request *request, layerkit_verify_options *options) {
    static const struct field fields[] = {{"repair", FLAG, AT(verify, repair), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_pull(struct request *request, layerkit_pull_options *options) {
    static const struct field fields[] = {
        {"platform", TEXT, AT(pull, platform), 0},
        {"all_tags", FLAG, AT(pull, all_tags), 0},
        {"all_platforms", FLAG, AT(pull, all_platforms), 0},
        {"expect", TEXT, AT(pull, expect), 0},
        {"concurrency", COUNT, AT(pull, concurrency), 0},
        {"auth", AUTH, AT(pull, auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_push(struct request *request, layerkit_push_options *options) {
    static const struct field fields[] = {
        {"platform", TEXT, AT(push, platform), 0},
        {"all_tags", FLAG, AT(push, all_tags), 0},
        {"concurrency", COUNT, AT(push, concurrency), 0},
        {"chunk_size", NUMBER, AT(push, chunk_size), 0},
        {"auth", AUTH, AT(push, auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_search(struct request *request, layerkit_search_options *options) {
    static const struct field fields[] = {
        {"limit", COUNT, AT(search, limit), 0},
        {"filters", LISTS, AT(search, filters), AT(search, filters_count)},
        {"auth", AUTH, AT(search, auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_login(struct request *request, layerkit_login_options *options) {
    static const struct field fields[] = {
        {"username", TEXT, AT(login, username), 0},
        {"password", TEXT, AT(login, password), 0},
        {"identity_token", TEXT, AT(login, identity_token), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_registry(struct request *request, layerkit_registry_options *options) {
    static const struct field fields[] = {{"auth", AUTH, AT(registry, auth), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_tags(struct request *request, layerkit_tags_options *options) {
    static const struct field fields[] = {
        {"limit", COUNT, AT(tags, limit), 0},
        {"last", TEXT, AT(tags, last), 0},
        {"auth", AUTH, AT(tags, auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_manifest(struct request *request, layerkit_manifest_options *options) {
    static const struct field fields[] = {
        {"platform", TEXT, AT(manifest, platform), 0},
        {"auth", AUTH, AT(manifest, auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_referrers(struct request *request, layerkit_referrers_options *options) {
    static const struct field fields[] = {
        {"artifact_type", TEXT, AT(referrers, artifact_type), 0},
        {"auth", AUTH, AT(referrers, auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_copy(struct request *request, layerkit_copy_options *options) {
    static const struct field fields[] = {
        {"platform", TEXT, AT(copy, platform), 0},
        {"referrers", FLAG, AT(copy, referrers), 0},
        {"concurrency", COUNT, AT(copy, concurrency), 0},
        {"chunk_size", NUMBER, AT(copy, chunk_size), 0},
        {"source_auth", AUTH, AT(copy, source_auth), 0},
        {"destination_auth", AUTH, AT(copy, destination_auth), 0},
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}
