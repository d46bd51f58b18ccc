/* The instruction sets that -march=native chose when the peers were built, and whether this CPU has them. */
#ifndef BEVEL_BENCH_INSTRUCTIONS_H_
#define BEVEL_BENCH_INSTRUCTIONS_H_

/** Their names, each between two spaces, as __builtin_cpu_supports knows them. Data, compiled with the peers'
 * own flags; reading it runs none of their code. */
extern const char peers_instructions[];

#endif /* BEVEL_BENCH_INSTRUCTIONS_H_ */
