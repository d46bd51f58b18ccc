/** The {@code bevel} command: {@link dev.bevel.cli.Main} and one class per subcommand. */
@NullMarked
package dev.bevel.cli;

import org.jspecify.annotations.NullMarked;
