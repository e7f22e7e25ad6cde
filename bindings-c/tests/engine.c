/* The engine: opening, closing, and what a wrong argument says. */
#include "test.h"

static void the_root_is_the_one_that_was_given(void) {
    layerkit_engine *engine = open_engine();
    CHECK(!strcmp(layerkit_engine_root(engine), in_folder("store")));
    layerkit_engine_free(engine);
}

static void a_closed_engine_says_so_and_is_still_freed(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image_list *list = NULL;
    GOOD(layerkit_engine_close(engine));
    GOOD(layerkit_engine_close(engine));
    FAILS(layerkit_images_list(engine, NULL, &list), LAYERKIT_ERROR_INVALID_ARGUMENT, "closed");
    CHECK(list == NULL);
    layerkit_engine_free(engine);
}

static void images_outlive_the_engine_and_tell_what_they_told(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1");
    char *json = NULL;
    layerkit_engine_free(engine);
    CHECK(!strcmp(layerkit_image_tags_at(image, 0), "hello:1"));
    FAILS(layerkit_image_inspect(image, &json), LAYERKIT_ERROR_INVALID_ARGUMENT, "closed");
    layerkit_image_free(image);
}

static void null_is_refused_by_name(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = NULL;
    FAILS(layerkit_engine_open(NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_engine_close(NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "engine is NULL");
    FAILS(layerkit_images_get(NULL, "a", &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "engine is NULL");
    FAILS(layerkit_images_get(engine, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "image is NULL");
    FAILS(layerkit_images_get(engine, "a", NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_images_import(engine, NULL, NULL, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "source is NULL");
    FAILS(layerkit_images_save(engine, NULL, 1, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "images is NULL");
    CHECK(image == NULL);
    CHECK(layerkit_engine_root(NULL) == NULL);
    layerkit_engine_free(engine);
}

static void freeing_null_is_fine(void) {
    layerkit_engine_free(NULL);
    layerkit_image_free(NULL);
    layerkit_image_list_free(NULL);
    layerkit_error_free(NULL);
    layerkit_cancel_token_free(NULL);
    layerkit_string_free(NULL);
}

static void a_string_has_to_be_utf8(void) {
    layerkit_engine *engine = open_engine();
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_engine *other = NULL;
    FAILS(layerkit_images_get(engine, "a\xff", &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "image is not UTF-8");
    options.root = "/tmp/\xc3\x28";
    FAILS(layerkit_engine_open(&options, &other), LAYERKIT_ERROR_INVALID_ARGUMENT, "options->root is not UTF-8");
    layerkit_engine_free(engine);
}

static void a_struct_without_its_size_is_refused(void) {
    layerkit_engine_options options;
    layerkit_engine *engine = NULL;
    memset(&options, 0, sizeof options);
    FAILS(layerkit_engine_open(&options, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "size is 0");
    options.size = (size_t)-1;
    FAILS(layerkit_engine_open(&options, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "_INIT");
    CHECK(engine == NULL);
}

static void a_larger_struct_is_taken_while_what_is_new_in_it_is_zero(void) {
    struct {
        layerkit_engine_options known;
        int64_t newer;
    } options = {LAYERKIT_ENGINE_OPTIONS_INIT, 0};
    layerkit_engine *engine = NULL;
    options.known.size = sizeof options;
    options.known.root = in_folder("store");
    GOOD(layerkit_engine_open(&options.known, &engine));
    layerkit_engine_free(engine);
    engine = NULL;
    options.newer = 1;
    FAILS(layerkit_engine_open(&options.known, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "does not know");
    CHECK(engine == NULL);
}

static void a_struct_of_an_older_header_ends_before_registries(void) {
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_engine *engine = NULL;
    options.root = in_folder("store");
    options.registry_mirrors_count = 7; /* behind the end, so not read */
    options.size = offsetof(layerkit_engine_options, registry_insecure);
    GOOD(layerkit_engine_open(&options, &engine));
    layerkit_engine_free(engine);
    engine = NULL;
    options.size--;
    FAILS(layerkit_engine_open(&options, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "_INIT");
    CHECK(engine == NULL);
}

static void settings_of_registries_are_read(void) {
    const char *names[] = {"one.example:5000", "two.example"}, *broken = "\xff";
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_engine *engine = NULL;
    options.root = in_folder("store");
    options.registry_insecure = names;
    options.registry_insecure_count = 2;
    options.registry_certs_dirs = names;
    options.registry_docker_config = folder;
    options.registry_proxy = "";
    options.registry_timeout_ms = 1000;
    options.registry_connect_timeout_ms = 1000;
    options.has_registry_retries = 1;
    options.registry_concurrency = 2;
    GOOD(layerkit_engine_open(&options, &engine));
    layerkit_engine_free(engine);
    engine = NULL;
    options.registry_mirrors_count = 1;
    FAILS(layerkit_engine_open(&options, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "options->registry_mirrors is NULL");
    options.registry_mirrors = &broken;
    FAILS(layerkit_engine_open(&options, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "options->registry_mirrors is not UTF-8");
    options.registry_mirrors = NULL;
    options.registry_mirrors_count = 0;
    options.registry_certs_dirs = NULL;
    options.registry_certs_dirs_count = 1;
    FAILS(layerkit_engine_open(&options, &engine), LAYERKIT_ERROR_INVALID_ARGUMENT, "options->registry_certs_dirs is NULL");
    CHECK(engine == NULL);
}

static void limits_reach_the_engine(void) {
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_source source = LAYERKIT_SOURCE_PATH(hello_tar());
    layerkit_engine *engine = NULL;
    layerkit_image *image = NULL;
    options.root = in_folder("store");
    options.limit_path_length = 3;
    GOOD(layerkit_engine_open(&options, &engine));
    FAILS(layerkit_images_import(engine, &source, NULL, NULL, &image), LAYERKIT_ERROR_INVALID_IMAGE, "limit");
    layerkit_engine_free(engine);
}

static void a_forked_process_is_told_to_open_its_own(void) {
    layerkit_engine *engine = open_engine();
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        layerkit_image_list *list = NULL;
        FAILS(layerkit_images_list(engine, NULL, &list), LAYERKIT_ERROR_CONFLICT, "");
        layerkit_engine_free(engine); /* takes nothing from the process that opened it */
        /* What the copy holds of the store is left alone on purpose, which would be a leak here: end as another program. */
        execlp(wrong ? "false" : "true", "a copy", (char *)NULL);
        _exit(2);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    layerkit_image_free(import_hello(engine, "hello:1"));
    layerkit_engine_free(engine);
}

static void *list_often(void *engine) {
    for (int i = 0; i < 20; i++) {
        layerkit_image_list *list = NULL;
        layerkit_error *error = layerkit_images_list(engine, NULL, &list);
        if (error || layerkit_image_list_count(list) != 1) return error ? error : (void *)list;
        layerkit_image_list_free(list);
    }
    return NULL;
}

static void threads_share_an_engine(void) {
    layerkit_engine *engine = open_engine();
    pthread_t threads[4];
    layerkit_image_free(import_hello(engine, "hello:1"));
    for (int i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, list_often, engine));
    for (int i = 0; i < 4; i++) {
        void *trouble = NULL;
        CHECK(!pthread_join(threads[i], &trouble) && trouble == NULL);
    }
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(the_root_is_the_one_that_was_given);
    TEST(a_closed_engine_says_so_and_is_still_freed);
    TEST(images_outlive_the_engine_and_tell_what_they_told);
    TEST(null_is_refused_by_name);
    TEST(freeing_null_is_fine);
    TEST(a_string_has_to_be_utf8);
    TEST(a_struct_without_its_size_is_refused);
    TEST(a_larger_struct_is_taken_while_what_is_new_in_it_is_zero);
    TEST(a_struct_of_an_older_header_ends_before_registries);
    TEST(settings_of_registries_are_read);
    TEST(limits_reach_the_engine);
    TEST(a_forked_process_is_told_to_open_its_own);
    TEST(threads_share_an_engine);
    return totals();
}
