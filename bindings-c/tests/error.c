/* The error object. */
#include "test.h"

static void an_error_has_a_code_and_a_message(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = (layerkit_image *)-1;
    layerkit_error *error = layerkit_images_get(engine, "nope", &image);
    CHECK(!strcmp(layerkit_error_code(error), LAYERKIT_ERROR_NOT_FOUND));
    CHECK(strstr(layerkit_error_message(error), "nope") != NULL);
    CHECK(image == (layerkit_image *)-1); /* outs are written on success only */
    layerkit_error_free(error);
    layerkit_engine_free(engine);
}

static void fields_are_found_by_name_and_type(void) {
    layerkit_engine *engine = open_engine();
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_image *image = NULL;
    layerkit_error *error;
    int64_t line = -1;
    write_file("Dockerfile", "FROM scratch\nNONSENSE x\n", 24);
    options.path = folder;
    error = layerkit_images_build(engine, &options, NULL, &image);
    CHECK(!strcmp(layerkit_error_code(error), LAYERKIT_ERROR_DOCKERFILE_SYNTAX));
    CHECK(layerkit_error_number(error, "line", &line) && line == 2);
    CHECK(!layerkit_error_number(error, "line", NULL));
    CHECK(layerkit_error_text(error, "line") == NULL);
    line = 7;
    CHECK(!layerkit_error_number(error, "exit_code", &line) && line == 7);
    CHECK(layerkit_error_text(error, NULL) == NULL);
    layerkit_error_free(error);
    layerkit_engine_free(engine);
}

static void null_is_no_error(void) {
    int64_t number = 0;
    CHECK(layerkit_error_code(NULL) == NULL);
    CHECK(layerkit_error_message(NULL) == NULL);
    CHECK(layerkit_error_text(NULL, "image") == NULL);
    CHECK(!layerkit_error_number(NULL, "line", &number));
}

static void the_table_has_every_code_once(void) {
    static const char *const codes[] = LAYERKIT_ERROR_CODES;
    size_t count = sizeof codes / sizeof *codes;
    CHECK(count == 22);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) CHECK(strcmp(codes[i], codes[j]) != 0);
}

int main(void) {
    TEST(an_error_has_a_code_and_a_message);
    TEST(fields_are_found_by_name_and_type);
    TEST(null_is_no_error);
    TEST(the_table_has_every_code_once);
    return totals();
}
