/* The store as a whole, and the version. */
#include "test.h"

static void reports_are_json_objects(void) {
    layerkit_engine *engine = open_engine();
    layerkit_verify_options verify = LAYERKIT_VERIFY_OPTIONS_INIT;
    layerkit_prune_options prune = LAYERKIT_PRUNE_OPTIONS_INIT;
    layerkit_image_list *list = NULL;
    char *reports[6] = {NULL};
    layerkit_image_free(import_hello(engine, "hello:1"));
    GOOD(layerkit_system_info(engine, &reports[0]));
    CHECK(strstr(reports[0], layerkit_version()) && strstr(reports[0], in_folder("store")));
    GOOD(layerkit_system_df(engine, &reports[1]));
    CHECK(strstr(reports[1], "\"images\":{\"count\":1") != NULL);
    verify.repair = 1;
    GOOD(layerkit_system_verify(engine, &verify, NULL, &reports[2]));
    CHECK(strstr(reports[2], "\"problems\":[]") != NULL);
    prune.all = 1;
    prune.dry_run = 1;
    GOOD(layerkit_images_prune(engine, &prune, NULL, &reports[3]));
    CHECK(strstr(reports[3], "hello:1") != NULL);
    GOOD(layerkit_system_prune(engine, NULL, NULL, &reports[4]));
    CHECK(strstr(reports[4], "\"reclaimed\":") != NULL);
    GOOD(layerkit_images_list(engine, NULL, &list));
    CHECK(layerkit_image_list_count(list) == 1); /* neither a dry run nor a name is pruned */
    layerkit_image_list_free(list);
    for (int i = 0; i < 6; i++) layerkit_string_free(reports[i]);
    layerkit_engine_free(engine);
}

static void a_report_needs_a_place(void) {
    layerkit_engine *engine = open_engine();
    FAILS(layerkit_system_info(engine, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_system_verify(engine, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    layerkit_engine_free(engine);
}

static void the_version_is_three_numbers(void) {
    int major, minor, patch;
    CHECK(sscanf(layerkit_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
}

int main(void) {
    TEST(reports_are_json_objects);
    TEST(a_report_needs_a_place);
    TEST(the_version_is_three_numbers);
    return totals();
}
