/* Sources and targets as a caller would pass them: paths, descriptors, and streams that may break. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

/* How many bytes may still pass; negative: the stream breaks here. */
static int64_t allowed(const struct place *place, size_t length) {
    if (!place->breaks || place->left >= (int64_t)length) return (int64_t)length;
    return place->left > 0 ? place->left : LAYERKIT_FAIL;
}

static int64_t read_stream(void *payload, void *buffer, size_t length) {
    struct place *place = payload;
    int64_t count = allowed(place, length);
    if (count < 0) return count;
    count = read(place->file, buffer, (size_t)count);
    place->left -= count;
    return count;
}

static int64_t write_stream(void *payload, const void *buffer, size_t length) {
    struct place *place = payload;
    int64_t count = allowed(place, length);
    if (count < 0) return count;
    count = write(place->file, buffer, (size_t)count);
    place->left -= count;
    return count;
}

static void open_file(struct request *request, struct place *place, const char *path, int flags) {
    place->file = open(path, flags | O_CLOEXEC, 0666);
    if (place->file < 0) trouble(request, "cannot open the caller's file %s", path);
}

/* What kind of place an argument is: the key, and the path beside it. */
static const char *describe(struct request *request, struct place *place, const char *name, const char **path) {
    static const char *const kinds[] = {"path", "fd", "stream"};
    json_t *value = take(request, name);
    const char *kind = NULL;
    for (int i = 0; i < 3; i++) {
        json_t *given = json_object_get(value, kinds[i]);
        if (!json_is_string(given)) continue;
        kind = kinds[i];
        *path = strcpy(keep(request, json_string_length(given)), json_string_value(given));
    }
    place->file = -1;
    place->breaks = json_object_get(value, "fail_after") != NULL;
    place->left = json_integer_value(json_object_get(value, "fail_after"));
    json_decref(value);
    if (!kind) trouble(request, "a place has one of path, fd, stream");
    return kind;
}

void open_source(struct request *request, const char *name, struct place *place) {
    const char *path = NULL, *kind = describe(request, place, name, &path);
    if (!kind) return;
    if (!strcmp(kind, "path")) {
        place->source = (layerkit_source)LAYERKIT_SOURCE_PATH(path);
        return;
    }
    open_file(request, place, path, O_RDONLY);
    if (!strcmp(kind, "fd"))
        place->source = (layerkit_source)LAYERKIT_SOURCE_FD(place->file);
    else
        place->source = (layerkit_source)LAYERKIT_SOURCE_READ(read_stream, place);
}

void open_target(struct request *request, const char *name, struct place *place) {
    const char *path = NULL, *kind = describe(request, place, name, &path);
    if (!kind) return;
    if (!strcmp(kind, "path")) {
        place->target = (layerkit_target)LAYERKIT_TARGET_PATH(path);
        return;
    }
    open_file(request, place, path, O_WRONLY | O_CREAT | O_TRUNC);
    if (!strcmp(kind, "fd"))
        place->target = (layerkit_target)LAYERKIT_TARGET_FD(place->file);
    else
        place->target = (layerkit_target)LAYERKIT_TARGET_WRITE(write_stream, place);
}

void close_place(struct place *place) {
    if (place->file >= 0) close(place->file);
}
