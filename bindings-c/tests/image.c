/* One image. */
#include "test.h"

static void it_tells_what_it_is(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1");
    CHECK(!strncmp(layerkit_image_id(image), "sha256:", 7) && strlen(layerkit_image_id(image)) == 71);
    CHECK(layerkit_image_tags_count(image) == 1 && layerkit_image_tags_at(image, 1) == NULL);
    CHECK(layerkit_image_size(image) > 0);
    CHECK(layerkit_image_created_unix(image) > 1700000000);
    CHECK(strchr(layerkit_image_created(image), 'T') != NULL);
    CHECK(!strcmp(layerkit_image_parent(image), ""));
    CHECK(!strncmp(layerkit_image_platform(image), "linux/", 6));
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

static void null_tells_nothing(void) {
    char *json = NULL;
    CHECK(layerkit_image_id(NULL) == NULL && layerkit_image_tags_at(NULL, 0) == NULL);
    CHECK(layerkit_image_tags_count(NULL) == 0 && layerkit_image_size(NULL) == 0);
    FAILS(layerkit_image_json(NULL, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "image is NULL");
    FAILS(layerkit_image_tag(NULL, "a"), LAYERKIT_ERROR_INVALID_ARGUMENT, "image is NULL");
    CHECK(json == NULL);
}

static void it_is_named_unpacked_and_removed(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1"), *again = NULL;
    layerkit_unpack_options options = LAYERKIT_UNPACK_OPTIONS_INIT;
    layerkit_remove_options force = LAYERKIT_REMOVE_OPTIONS_INIT;
    const char *tree = in_folder("tree");
    char *json = NULL;
    GOOD(layerkit_image_tag(image, "other:2"));
    CHECK(layerkit_image_tags_count(image) == 1); /* as it was when it was looked up */
    GOOD(layerkit_images_get(engine, "other:2", &again));
    CHECK(layerkit_image_tags_count(again) == 2);
    GOOD(layerkit_image_history(image, &json));
    CHECK(json[0] == '[' && strstr(json, "created_by") != NULL);
    layerkit_string_free(json);
    GOOD(layerkit_image_unpack(image, tree, NULL, NULL));
    FAILS(layerkit_image_unpack(image, tree, NULL, NULL), LAYERKIT_ERROR_ALREADY_EXISTS, "tree");
    options.replace = 1;
    GOOD(layerkit_image_unpack(image, tree, &options, NULL));
    CHECK(access(in_folder("tree/hello"), R_OK) == 0);
    FAILS(layerkit_image_remove(image, NULL, &json), LAYERKIT_ERROR_CONFLICT, "");
    force.force = 1;
    GOOD(layerkit_image_remove(image, &force, &json));
    CHECK(strstr(json, layerkit_image_id(image)) != NULL);
    layerkit_string_free(json);
    json = NULL;
    FAILS(layerkit_image_inspect(image, &json), LAYERKIT_ERROR_NOT_FOUND, "");
    layerkit_image_free(again);
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

static void its_files_are_listed_read_and_compared(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1");
    layerkit_files_options options = LAYERKIT_FILES_OPTIONS_INIT;
    layerkit_target target = LAYERKIT_TARGET_PATH(in_folder("content"));
    char *json = NULL;
    GOOD(layerkit_image_files(image, NULL, NULL, &json));
    CHECK(strstr(json, "[{\"path\":\"/\"") == json && strstr(json, "\"path\":\"/hello\",\"type\":\"file\"") != NULL);
    layerkit_string_free(json);
    options.path = "hello";
    options.not_recursive = options.no_follow = 1;
    GOOD(layerkit_image_files(image, &options, NULL, &json));
    CHECK(strstr(json, "[{\"path\":\"/hello\"") == json);
    layerkit_string_free(json);
    GOOD(layerkit_image_read(image, "/hello", &target, NULL));
    CHECK(access(in_folder("content"), R_OK) == 0);
    FAILS(layerkit_image_read(image, "/", &target, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "is a directory");
    FAILS(layerkit_image_read(image, "/none", &target, NULL), LAYERKIT_ERROR_NOT_FOUND, "/none");
    FAILS(layerkit_image_read(image, NULL, &target, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "path is NULL");
    GOOD(layerkit_image_diff(image, "hello:1", NULL, NULL, &json));
    CHECK(!strcmp(json, "[]"));
    layerkit_string_free(json);
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(it_tells_what_it_is);
    TEST(null_tells_nothing);
    TEST(it_is_named_unpacked_and_removed);
    TEST(its_files_are_listed_read_and_compared);
    return totals();
}
