/* A shared library needs a source of its own; the code is aa_core's. */
extern int aa_shared_library;
int aa_shared_library;
