/* The images of a store: options and results as C has them. */
#include "test.h"

static void a_list_owns_its_images(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image_list *list = NULL;
    char *json = NULL;
    layerkit_image_free(import_hello(engine, "hello:1"));
    GOOD(layerkit_images_list(engine, NULL, &list));
    CHECK(layerkit_image_list_count(list) == 1);
    CHECK(!strcmp(layerkit_image_tags_at(layerkit_image_list_at(list, 0), 0), "hello:1"));
    CHECK(layerkit_image_list_at(list, 1) == NULL);
    CHECK(layerkit_image_list_at(NULL, 0) == NULL && layerkit_image_list_count(NULL) == 0);
    GOOD(layerkit_image_list_json(list, &json));
    CHECK(json[0] == '[' && strstr(json, "\"tags\":[\"hello:1\"]") != NULL);
    layerkit_string_free(json);
    layerkit_image_list_free(list);
    layerkit_engine_free(engine);
}

static size_t count(const layerkit_engine *engine, const layerkit_pair *filters, size_t filters_count) {
    layerkit_list_options options = LAYERKIT_LIST_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    size_t count;
    options.filters = filters;
    options.filters_count = filters_count;
    GOOD(layerkit_images_list(engine, &options, &list));
    count = layerkit_image_list_count(list);
    layerkit_image_list_free(list);
    return count;
}

static void a_filter_is_given_as_often_as_it_has_values(void) {
    layerkit_engine *engine = open_engine();
    layerkit_pair both[] = {{"reference", "one"}, {"reference", "two"}}, no_value = {"label", NULL};
    layerkit_list_options options = LAYERKIT_LIST_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    char *report = NULL;
    layerkit_image_free(import_hello(engine, "one:1"));
    layerkit_image_free(import_hello(engine, "three:1"));
    layerkit_source source = LAYERKIT_SOURCE_PATH(hello_tar());
    layerkit_import_options two = LAYERKIT_IMPORT_OPTIONS_INIT;
    const char *changes[] = {"LABEL kind=second", "CMD [\"/hello\"]"};
    layerkit_image *image = NULL;
    two.name = "two:1";
    two.changes = changes;
    two.changes_count = 2;
    GOOD(layerkit_images_import(engine, &source, &two, NULL, &image));
    GOOD(layerkit_image_inspect(image, &report));
    CHECK(strstr(report, "\"kind\":\"second\"") != NULL);
    CHECK(count(engine, both, 1) == 1 && count(engine, both, 2) == 2);
    options.filters = &no_value;
    options.filters_count = 1;
    FAILS(layerkit_images_list(engine, &options, &list), LAYERKIT_ERROR_INVALID_ARGUMENT, "filters->value is NULL");
    options.filters = NULL;
    FAILS(layerkit_images_list(engine, &options, &list), LAYERKIT_ERROR_INVALID_ARGUMENT, "filters is NULL");
    layerkit_string_free(report);
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

static void a_word_that_is_no_choice_is_refused(void) {
    layerkit_engine *engine = open_engine();
    layerkit_source source = LAYERKIT_SOURCE_PATH(hello_tar());
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_image *image = NULL;
    options.compression = "lzma";
    FAILS(layerkit_images_import(engine, &source, &options, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "lzma");
    layerkit_engine_free(engine);
}

static void a_build_takes_arguments_labels_and_names(void) {
    static const char dockerfile[] = "FROM scratch\nARG who=nobody\nLABEL for=$who\nCOPY hello.tar /\n";
    layerkit_engine *engine = open_engine();
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_pair who = {"who", "you"}, label = {"extra", "yes"};
    const char *tags[] = {"built:1", "built:2"};
    layerkit_image *image = NULL;
    char *json = NULL;
    hello_tar();
    write_file("Dockerfile", dockerfile, sizeof dockerfile - 1);
    options.path = folder;
    options.tags = tags;
    options.tags_count = 2;
    options.buildargs = &who;
    options.buildargs_count = 1;
    options.labels = &label;
    options.labels_count = 1;
    GOOD(layerkit_images_build(engine, &options, NULL, &image));
    CHECK(layerkit_image_tags_count(image) == 2);
    GOOD(layerkit_image_json(image, &json));
    CHECK(strstr(json, "\"for\":\"you\"") && strstr(json, "\"extra\":\"yes\""));
    layerkit_string_free(json);
    layerkit_image_free(image);
    options.path = NULL;
    image = NULL;
    layerkit_error *error = layerkit_images_build(engine, &options, NULL, &image);
    CHECK(error != NULL && image == NULL);
    layerkit_error_free(error);
    layerkit_engine_free(engine);
}

static int64_t no_bytes(void *payload, void *buffer, size_t length) {
    (void)payload;
    (void)buffer;
    (void)length;
    return LAYERKIT_FAIL;
}

static void arrays_and_streams_of_a_build_are_looked_at(void) {
    layerkit_engine *engine = open_engine();
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_secret secret = {.id = "s", .path = "/p", .env = "E"};
    layerkit_host_auth auth = {.host = "h"};
    layerkit_source source = LAYERKIT_SOURCE_READ(no_bytes, NULL);
    layerkit_image *image = NULL;
    options.path = folder;
    options.secrets_count = 1;
    FAILS(layerkit_images_build(engine, &options, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "options->secrets is NULL");
    options.secrets = &secret;
    FAILS(layerkit_images_build(engine, &options, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "`path`, `env`");
    options.secrets_count = 0;
    options.auths = &auth;
    options.auths_count = 1;
    FAILS(layerkit_images_build(engine, &options, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "options->auths->auth is NULL");
    options.auths_count = 0;
    options.dockerfile_source = &source;
    FAILS(layerkit_images_build(engine, &options, NULL, &image), LAYERKIT_ERROR_CALLBACK, "read callback");
    layerkit_engine_free(engine);
}

static void a_builder_is_built_as_often_as_one_likes(void) {
    static const char content[] = "hello";
    layerkit_engine *engine = open_engine();
    layerkit_builder *builder = NULL;
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_memory_file file = {.path = "a", .content = content, .length = 5, .mode = 0755};
    layerkit_pair flags[] = {{"link", NULL}, {"exclude", "*.o"}, {"exclude", "*.a"}};
    const char *paths[] = {"a", "/b"};
    layerkit_image *first = NULL, *second = NULL;
    FAILS(layerkit_builder_run(NULL, "x"), LAYERKIT_ERROR_INVALID_ARGUMENT, "builder is NULL");
    GOOD(layerkit_builder_new("scratch", &builder));
    GOOD(layerkit_builder_step_words(builder, "COPY", flags, 3, paths, 2));
    options.files = &file;
    options.files_count = 1;
    GOOD(layerkit_builder_commit(builder, engine, &options, NULL, &first));
    CHECK(strstr(layerkit_image_built(first), layerkit_image_id(first)) != NULL);
    GOOD(layerkit_builder_env(builder, "A", "1"));
    GOOD(layerkit_builder_step(builder, "EXPOSE", NULL, 0, "80 443"));
    GOOD(layerkit_builder_commit(builder, engine, &options, NULL, &second));
    CHECK(strcmp(layerkit_image_id(first), layerkit_image_id(second)) != 0);
    layerkit_builder_free(builder);
    layerkit_image_free(first);
    layerkit_image_free(second);
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(arrays_and_streams_of_a_build_are_looked_at);
    TEST(a_builder_is_built_as_often_as_one_likes);
    TEST(a_list_owns_its_images);
    TEST(a_filter_is_given_as_often_as_it_has_values);
    TEST(a_word_that_is_no_choice_is_refused);
    TEST(a_build_takes_arguments_labels_and_names);
    return totals();
}
