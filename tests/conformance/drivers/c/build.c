/* Builds: their arrays of structs, their streams, and the builder. */
#include <string.h>

#include "driver.h"

/* An optional argument, taken out: the caller's to free. */
static json_t *take_optional(struct request *request, const char *name) {
    return json_object_get(request->args, name) ? take(request, name) : NULL;
}

/* The bytes of a text of base64. */
static const void *decoded(struct request *request, const char *text, size_t *length) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char *bytes = keep(request, strlen(text));
    uint32_t bits = 0;
    int count = 0;
    *length = 0;
    for (; *text && *text != '='; text++) {
        bits = bits << 6 | (uint32_t)(strchr(letters, *text) - letters);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes[(*length)++] = (unsigned char)(bits >> count);
    }
    return bytes;
}

/* What a file or a secret has as its bytes: a text, or an object with `text` or `base64`. NULL: nothing. */
static const void *content_of(struct request *request, const char *key, const json_t *value, size_t *length) {
    const json_t *encoded = json_object_get(value, "base64");
    const json_t *text = json_is_string(value) ? value : json_object_get(value, "text");
    if (encoded) return decoded(request, text_of(request, key, encoded), length);
    if (!text) return NULL;
    *length = json_string_length(text);
    return text_of(request, key, text);
}

static const char *member(struct request *request, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return value ? text_of(request, key, value) : NULL;
}

static const char *copied(struct request *request, const char *text) {
    return strcpy(keep(request, strlen(text)), text);
}

static bool fill_files(struct request *request, layerkit_build_options *options) {
    json_t *files = take_optional(request, "files"), *value;
    layerkit_memory_file *file = keep(request, json_object_size(files) * sizeof *file);
    const char *key;
    options->files = file;
    options->files_count = json_object_size(files);
    json_object_foreach(files, key, value) {
        file->path = copied(request, key);
        file->content = content_of(request, key, value, &file->length);
        file++->mode = (uint32_t)json_integer_value(json_object_get(value, "mode"));
    }
    json_decref(files);
    return options->files_count > 0;
}

static bool fill_secrets(struct request *request, layerkit_build_options *options) {
    json_t *secrets = take_optional(request, "secrets"), *value;
    layerkit_secret *secret = keep(request, json_object_size(secrets) * sizeof *secret);
    const char *key;
    options->secrets = secret;
    options->secrets_count = json_object_size(secrets);
    json_object_foreach(secrets, key, value) {
        secret->id = copied(request, key);
        secret->path = member(request, value, "path");
        secret->env = member(request, value, "env");
        secret->content = content_of(request, key, value, &secret->length);
        secret++;
    }
    json_decref(secrets);
    return options->secrets_count > 0;
}

static bool fill_auths(struct request *request, layerkit_build_options *options) {
    json_t *auths = take_optional(request, "auths"), *value;
    layerkit_host_auth *auth = keep(request, json_object_size(auths) * sizeof *auth);
    const char *key;
    options->auths = auth;
    options->auths_count = json_object_size(auths);
    json_object_foreach(auths, key, value) {
        auth->host = copied(request, key);
        auth++->auth = auth_of(request, value);
    }
    json_decref(auths);
    return options->auths_count > 0;
}

static bool fill_outputs(struct request *request, layerkit_build_options *options) {
    json_t *outputs = take_optional(request, "outputs"), *value;
    layerkit_build_output *output = keep(request, json_array_size(outputs) * sizeof *output);
    size_t index;
    options->outputs = output;
    options->outputs_count = json_array_size(outputs);
    json_array_foreach(outputs, index, value) {
        output->kind = member(request, value, "type");
        output++->dest = member(request, value, "dest");
    }
    json_decref(outputs);
    return options->outputs_count > 0;
}

struct streams {
    struct place context, dockerfile, output;
};

static bool fill_streams(struct request *request, struct streams *streams, layerkit_build_options *options) {
    streams->context.file = streams->dockerfile.file = streams->output.file = -1;
    if (json_object_get(request->args, "context_stream")) {
        open_source(request, "context_stream", &streams->context);
        options->context = &streams->context.source;
    }
    if (json_object_get(request->args, "dockerfile_stream")) {
        open_source(request, "dockerfile_stream", &streams->dockerfile);
        options->dockerfile_source = &streams->dockerfile.source;
    }
    if (json_object_get(request->args, "output_stream")) {
        open_target(request, "output_stream", &streams->output);
        options->output = &streams->output.target;
    }
    return options->context || options->dockerfile_source || options->output;
}

/* The flags of a step: a text, `true`, or several texts. */
static layerkit_pair *flags_of(struct request *request, json_t *flags, size_t *count) {
    json_t *value, *one;
    const char *key;
    size_t index;
    layerkit_pair *pairs, *pair;
    *count = 0;
    json_object_foreach(flags, key, value) *count += json_is_array(value) ? json_array_size(value) : 1;
    pair = pairs = keep(request, *count * sizeof *pairs);
    json_object_foreach(flags, key, value) {
        json_t *list = json_is_array(value) ? json_incref(value) : json_pack("[O]", value);
        json_array_foreach(list, index, one) {
            pair->key = copied(request, key);
            pair++->value = json_is_true(one) ? NULL : text_of(request, key, one);
        }
        json_decref(list);
    }
    return pairs;
}

static layerkit_error *append(struct request *request, layerkit_builder *builder, json_t *step) {
    const char *name = member(request, step, "instruction"), *key;
    json_t *args = json_object_get(step, "args"), *value;
    size_t index, flags_count, count = json_is_array(args) ? json_array_size(args) : json_object_size(args);
    const layerkit_pair *flags = flags_of(request, json_object_get(step, "flags"), &flags_count);
    const char **words = keep(request, count * sizeof *words);
    layerkit_pair *pairs = keep(request, count * sizeof *pairs), *pair = pairs;
    if (json_is_array(args)) {
        json_array_foreach(args, index, value) words[index] = text_of(request, "args", value);
        return layerkit_builder_step_words(builder, name, flags, flags_count, words, count);
    }
    if (json_is_object(args)) {
        json_object_foreach(args, key, value) {
            pair->key = copied(request, key);
            pair++->value = json_is_null(value) ? NULL : text_of(request, key, value);
        }
        return layerkit_builder_step_pairs(builder, name, pairs, count);
    }
    return layerkit_builder_step(builder, name, flags, flags_count, args ? text_of(request, "args", args) : "");
}

/* The steps of the arguments as a builder; NULL when there are none. */
static layerkit_error *begin(struct request *request, layerkit_builder **builder) {
    json_t *steps = take_optional(request, "steps"), *step;
    layerkit_error *error = NULL;
    size_t index;
    json_array_foreach(steps, index, step) {
        if (error || request->trouble[0]) break;
        if (!*builder) error = layerkit_builder_new(NULL, builder);
        if (!error) error = append(request, *builder, step);
    }
    json_decref(steps);
    return error;
}

static layerkit_error *build(struct request *request, json_t **ok) {
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    const layerkit_build_options *given;
    layerkit_builder *builder = NULL;
    layerkit_image *image = NULL;
    struct streams streams;
    struct watch watch;
    layerkit_error *error = begin(request, &builder);
    bool any = fill_files(request, &options);
    any = fill_secrets(request, &options) || any;
    any = fill_auths(request, &options) || any;
    any = fill_outputs(request, &options) || any;
    any = fill_streams(request, &streams, &options) || any;
    any = fill_build(request, &options) || any;
    given = any ? &options : NULL;
    begin_watch(request, &watch);
    if (!request->trouble[0] && !error) {
        if (builder)
            error = layerkit_builder_commit(builder, request->engine, given, watch.given, &image);
        else
            error = layerkit_images_build(request->engine, given, watch.given, &image);
    }
    if (image) *ok = id_and_tags(image);
    layerkit_image_free(image);
    layerkit_builder_free(builder);
    close_place(&streams.context);
    close_place(&streams.dockerfile);
    close_place(&streams.output);
    end_watch(&watch);
    return error;
}

static layerkit_error *cache_list(struct request *request, json_t **ok) {
    char *text = NULL;
    fill_nothing(request);
    layerkit_error *error = layerkit_build_cache_list(request->engine, &text);
    *ok = report(text);
    return error;
}

static layerkit_error *cache_prune(struct request *request, json_t **ok) {
    layerkit_cache_prune_options options = LAYERKIT_CACHE_PRUNE_OPTIONS_INIT;
    layerkit_error *error = NULL;
    struct watch watch;
    char *text = NULL;
    bool any = fill_cache_prune(request, &options);
    begin_watch(request, &watch);
    if (!request->trouble[0])
        error = layerkit_build_cache_prune(request->engine, any ? &options : NULL, watch.given, &text);
    *ok = report(text);
    end_watch(&watch);
    return error;
}

static layerkit_error *cache_export(struct request *request, json_t **ok) {
    layerkit_error *error = NULL;
    struct place place;
    struct watch watch;
    const char *id = take_text(request, "id");
    (void)ok;
    open_target(request, "target", &place);
    fill_nothing(request);
    begin_watch(request, &watch);
    if (!request->trouble[0]) error = layerkit_build_cache_export(request->engine, id, &place.target, watch.given);
    end_watch(&watch);
    close_place(&place);
    return error;
}

static layerkit_error *cache_import(struct request *request, json_t **ok) {
    layerkit_error *error = NULL;
    struct place place;
    struct watch watch;
    const char *id = take_text(request, "id");
    (void)ok;
    open_source(request, "source", &place);
    fill_nothing(request);
    begin_watch(request, &watch);
    if (!request->trouble[0]) error = layerkit_build_cache_import(request->engine, id, &place.source, watch.given);
    end_watch(&watch);
    close_place(&place);
    return error;
}

const struct entry build_operations[] = {
    {"images_build", build},
    {"builder_commit", build},
    {"build_cache_list", cache_list},
    {"build_cache_prune", cache_prune},
    {"build_cache_export", cache_export},
    {"build_cache_import", cache_import},
    {NULL, NULL},
};
