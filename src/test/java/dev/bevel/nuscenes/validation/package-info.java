@NullMarked
package dev.bevel.nuscenes.validation;

import org.jspecify.annotations.NullMarked;
