/* Heat conduction in a square plate, on any number of MPI ranks.
 *
 * Solves du/dt = a (d2u/dx2 + d2u/dy2) on the unit square with n x n inner points by explicit Euler
 * steps, from u = sin(pi x) sin(pi y), with u = 0 on the border. Each rank holds a block of rows and
 * exchanges one row with either neighbour before each step. Rank 0 prints one line of JSON:
 *
 *   mpirun -n 4 heat --n 100 --steps 500 --diffusivity 0.5
 *   {"mean_temperature": 0.375243957073, "residual": 8.87172646015e-05, "time": 0.00980296049407}
 *
 * `residual` is the root mean square of the last step's change. The answer does not depend on the
 * number of ranks, up to the rounding of the sums.
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int n;
    int steps;
    double diffusivity;
} Options;

/* The rows of one rank: `rows` inner rows of `width` values, with a halo row above and below. */
typedef struct {
    int first;
    int rows;
    int width;
    int above;
    int below;
    double *now;
    double *next;
} Block;

static void stop(const char *message, const char *detail) {
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0) {
        fprintf(stderr, "heat: %s%s\nusage: heat [--n N] [--steps N] [--diffusivity A]\n", message, detail);
    }
    MPI_Finalize();
    exit(2);
}

static int whole_number(const char *name, const char *text, int most) {
    char *end;
    const long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 1 || value > most) {
        stop("too small, too large or no whole number: ", name);
    }
    return (int)value;
}

static double share(const char *name, const char *text) {
    char *end;
    const double value = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(value > 0 && value <= 1)) {
        stop("not above 0 and at most 1: ", name);
    }
    return value;
}

static Options parse(int argc, char **argv) {
    Options options = {.n = 100, .steps = 500, .diffusivity = 0.5};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            stop("no value for ", argv[i]);
        }
        if (strcmp(argv[i], "--n") == 0) {
            options.n = whole_number(argv[i], argv[i + 1], 30000);
        } else if (strcmp(argv[i], "--steps") == 0) {
            options.steps = whole_number(argv[i], argv[i + 1], 1000000000);
        } else if (strcmp(argv[i], "--diffusivity") == 0) {
            options.diffusivity = share(argv[i], argv[i + 1]);
        } else {
            stop("unknown option ", argv[i]);
        }
    }
    return options;
}

/* Rows are dealt in blocks that differ by one at most; ranks beyond the rows hold none, at the end. */
static Block allocate(int n) {
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    const int busy = size < n ? size : n;
    Block block = {.width = n + 2, .above = MPI_PROC_NULL, .below = MPI_PROC_NULL};
    if (rank < busy) {
        block.rows = n / busy + (rank < n % busy);
        block.first = rank * (n / busy) + (rank < n % busy ? rank : n % busy);
        block.above = rank > 0 ? rank - 1 : MPI_PROC_NULL;
        block.below = rank < busy - 1 ? rank + 1 : MPI_PROC_NULL;
    }
    const size_t count = (size_t)(block.rows + 2) * (size_t)block.width;
    block.now = calloc(count, sizeof(double));
    block.next = calloc(count, sizeof(double));
    if (block.now == NULL || block.next == NULL) {
        fprintf(stderr, "heat: not enough memory\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return block;
}

static void set_initial(Block *block, double spacing) {
    const double pi = acos(-1.0);
    for (int row = 1; row <= block->rows; row++) {
        const double wave = sin(pi * (block->first + row) * spacing);
        for (int column = 1; column < block->width - 1; column++) {
            block->now[row * block->width + column] = sin(pi * column * spacing) * wave;
        }
    }
}

static void exchange_halo(Block *block) {
    double *const top = block->now + block->width;
    double *const bottom = block->now + block->rows * block->width;
    double *const halo_above = block->now;
    double *const halo_below = bottom + block->width;
    MPI_Sendrecv(top, block->width, MPI_DOUBLE, block->above, 0, halo_below, block->width, MPI_DOUBLE,
                 block->below, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(bottom, block->width, MPI_DOUBLE, block->below, 1, halo_above, block->width, MPI_DOUBLE,
                 block->above, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* One step of all inner points; returns the sum of squares of their changes. */
static double step(Block *block, double factor) {
    const int width = block->width;
    double squares = 0;
    for (int row = 1; row <= block->rows; row++) {
        const double *const u = block->now + row * width;
        double *const next = block->next + row * width;
        for (int column = 1; column < width - 1; column++) {
            const double change = factor * (u[column - 1] + u[column + 1] + u[column - width] +
                                            u[column + width] - 4 * u[column]);
            next[column] = u[column] + change;
            squares += change * change;
        }
    }
    double *const last = block->now;
    block->now = block->next;
    block->next = last;
    return squares;
}

static double total(const Block *block) {
    double sum = 0;
    for (int row = 1; row <= block->rows; row++) {
        for (int column = 1; column < block->width - 1; column++) {
            sum += block->now[row * block->width + column];
        }
    }
    return sum;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    const Options options = parse(argc, argv);

    const double spacing = 1.0 / (options.n + 1);
    const double time_step = 0.2 * spacing * spacing; /* stable while diffusivity * 0.2 <= 0.25 */
    const double factor = options.diffusivity * 0.2;
    Block block = allocate(options.n);
    set_initial(&block, spacing);
    double squares = 0;
    for (int i = 0; i < options.steps; i++) {
        exchange_halo(&block);
        squares = step(&block, factor);
    }

    double sums[2] = {total(&block), squares};
    MPI_Reduce(rank == 0 ? MPI_IN_PLACE : sums, sums, 2, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        const double points = (double)options.n * options.n;
        printf("{\"mean_temperature\": %.12g, \"residual\": %.12g, \"time\": %.12g}\n", sums[0] / points,
               sqrt(sums[1] / points), options.steps * time_step);
    }
    free(block.now);
    free(block.next);
    MPI_Finalize();
    return 0;
}
