/* Arguments on their way into a call: positional ones are taken out, what remains fills the option struct. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

/* What a field of an option struct takes. */
enum kind { TEXT, FLAG, NUMBER, EPOCH, TEXTS, MAP, LISTS };

struct field {
    const char *key;
    enum kind kind;
    size_t at;
    /* Where the count of an array is, or the flag that says that the epoch is set. */
    size_t beside;
};

#define AT(type, name) offsetof(layerkit_##type##_options, name)

json_t *take(struct request *request, const char *name) {
    json_t *value = json_incref(json_object_get(request->args, name));
    if (!value) trouble(request, "argument %s is missing", name);
    json_object_del(request->args, name);
    return value;
}

static const char *text_of(struct request *request, const char *key, const json_t *value) {
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

static void fill_one(struct request *request, const struct field *field, json_t *value, char *options) {
    void *at = options + field->at, *beside = options + field->beside;
    switch (field->kind) {
    case TEXT: *(const char **)at = text_of(request, field->key, value); break;
    case FLAG: *(uint8_t *)at = json_is_true(value); break;
    case NUMBER: *(uint64_t *)at = (uint64_t)json_integer_value(value); break;
    case EPOCH:
        *(int64_t *)at = json_integer_value(value);
        *(uint8_t *)beside = 1;
        break;
    case TEXTS: fill_texts(request, field->key, value, at, beside); break;
    case MAP:
    case LISTS: fill_pairs(request, value, at, beside); break;
    }
}

/* Whether a value is what a field takes. */
static bool fits(enum kind kind, const json_t *value) {
    switch (kind) {
    case TEXT: return json_is_string(value);
    case FLAG: return json_is_boolean(value);
    case NUMBER:
    case EPOCH: return json_is_integer(value);
    case TEXTS: return json_is_array(value);
    case MAP:
    case LISTS: return json_is_object(value);
    }
    return false;
}

static bool fill(struct request *request, const struct field *fields, void *options) {
    const char *key;
    json_t *value;
    bool any = false;
    json_object_foreach(request->args, key, value) {
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

void fill_nothing(struct request *request) {
    static const struct field none[] = {{NULL, TEXT, 0, 0}};
    fill(request, none, NULL);
}

bool fill_engine(struct request *request, layerkit_engine_options *options) {
    static const struct field fields[] = {
        {"root", TEXT, AT(engine, root), 0},
        {"entries", NUMBER, AT(engine, limit_entries), 0},
        {"layer_size", NUMBER, AT(engine, limit_layer_size), 0},
        {"ratio", NUMBER, AT(engine, limit_ratio), 0},
        {"path_length", NUMBER, AT(engine, limit_path_length), 0},
        {NULL, TEXT, 0, 0},
    };
    json_t *limits = json_incref(json_object_get(request->args, "limits"));
    json_object_del(request->args, "limits");
    json_object_update(request->args, limits);
    json_decref(limits);
    return fill(request, fields, options);
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
        {NULL, TEXT, 0, 0},
    };
    return fill(request, fields, options);
}

bool fill_unpack(struct request *request, layerkit_unpack_options *options) {
    static const struct field fields[] = {{"replace", FLAG, AT(unpack, replace), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}

bool fill_verify(struct request *request, layerkit_verify_options *options) {
    static const struct field fields[] = {{"repair", FLAG, AT(verify, repair), 0}, {NULL, TEXT, 0, 0}};
    return fill(request, fields, options);
}
