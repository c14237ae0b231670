#include "main/cli.h"

int main(int argc, char **argv)
{
    return aa_cli_run(argc, argv);
}
