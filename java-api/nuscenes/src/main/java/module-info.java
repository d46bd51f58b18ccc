/**
 * nuScenes for camera BEV detection, in pure Java: tables, geometry, sensor files, image pipeline,
 * depth targets, submissions, evaluation and pictures. Depends on no kernel and no LibTorch.
 */
module dev.bevel.nuscenes {
  requires transitive java.desktop;
  requires com.fasterxml.jackson.core;
  requires org.joml;
  requires org.slf4j;
  requires static org.jspecify;

  exports dev.bevel.nuscenes;
  exports dev.bevel.nuscenes.draw;
  exports dev.bevel.nuscenes.evaluation;
  exports dev.bevel.nuscenes.simulator;
  exports dev.bevel.nuscenes.report;
  exports dev.bevel.nuscenes.validation;
}
