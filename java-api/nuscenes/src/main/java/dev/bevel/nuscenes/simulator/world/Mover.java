package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.simulator.town.Crossover;
import dev.bevel.nuscenes.simulator.town.Journey;
import dev.bevel.nuscenes.simulator.town.Route;
import dev.bevel.nuscenes.simulator.town.Track;
import org.jspecify.annotations.Nullable;

/**
 * Someone on the way while a scene is simulated. Speeds follow the intelligent driver model of
 * Treiber, Hennecke and Helbing, "Congested traffic states in empirical observations and
 * microscopic simulations" (2000).
 */
final class Mover {
  /** What kind of road user it is. */
  enum Kind {
    /** The vehicle with the sensors: others let it pass, so that no scene is spent waiting. */
    EGO(1.6, 2.2, 1.3, 1.8, 6),
    VEHICLE(1.6, 2.2, 1.3, 1.8, 6),
    CYCLE(1.1, 2.0, 1.0, 1.2, 5),
    WALKER(1.0, 1.5, 0.5, 0.5, 4);

    private final double acceleration;
    private final double comfortableBraking;
    private final double headway;
    private final double standstill;
    private final double hardestBraking;

    Kind(
        double acceleration,
        double comfortableBraking,
        double headway,
        double standstill,
        double hardestBraking) {
      this.acceleration = acceleration;
      this.comfortableBraking = comfortableBraking;
      this.headway = headway;
      this.standstill = standstill;
      this.hardestBraking = hardestBraking;
    }
  }

  /** Where one wants to be before a stop line, metres. */
  private static final double BEFORE_LINE = 1.4;

  /** Free width on each side that one wants when passing. */
  private static final double PASSING = 0.25;

  private static final double JUNCTION_PASSING = 0.35;

  /** A turning body's ends swing out by this times the square of its length, about. */
  private static final double SWING = 0.01;

  private static final double BODY_SPACING = 1.2;

  final int number;
  final Kind kind;
  final Route route;
  final Journey journey;
  private final double front;
  private final double rear;
  private final double width;
  private final double longest;
  private final double desiredSpeed;
  private final double[] bodyX;
  private final double[] bodyY;

  private double position;
  private double speed;
  private int crossover;
  private boolean granted;
  private int waitingSince = Integer.MAX_VALUE;
  private @Nullable Mover leader;
  private double gap;
  private double leaderSpeed;

  /**
   * @param front metres from its position to its front
   * @param rear metres from its position to its rear, trailers included
   */
  Mover(
      int number,
      Kind kind,
      Route route,
      double front,
      double rear,
      double width,
      double desiredSpeed,
      double startTime) {
    this.number = number;
    this.kind = kind;
    this.route = route;
    this.front = front;
    this.rear = rear;
    this.width = width;
    this.longest = Math.max(2 * front, rear - front);
    this.desiredSpeed = desiredSpeed;
    this.position = route.start();
    this.journey = new Journey(route.track(), startTime);
    int points = Math.max(1, (int) Math.ceil((front + rear - width) / BODY_SPACING) + 1);
    this.bodyX = new double[points];
    this.bodyY = new double[points];
    placeBody();
    journey.add(position, speed);
  }

  private void placeBody() {
    double first = -rear + Math.min(width / 2, rear);
    double last = front - Math.min(width / 2, front);
    for (int i = 0; i < bodyX.length; i++) {
      double part = bodyX.length == 1 ? 0.5 : (double) i / (bodyX.length - 1);
      double s = position + first + part * (last - first);
      bodyX[i] = route.track().x(s);
      bodyY[i] = route.track().y(s);
    }
  }

  private double reach() {
    return kind == Kind.WALKER ? 4 : 9 + 2.2 * speed + 0.25 * speed * speed;
  }

  /** Finds the nearest of the others on the way ahead. */
  void look(Iterable<Mover> others) {
    leader = null;
    gap = reach();
    leaderSpeed = 0;
    double x = route.track().x(position);
    double y = route.track().y(position);
    for (Mover other : others) {
      double far = reach() + front + other.front + other.rear;
      double dx = other.bodyX[0] - x;
      double dy = other.bodyY[0] - y;
      if (other != this && dx * dx + dy * dy < far * far) {
        look(other);
      }
    }
  }

  private void look(Mover other) {
    Track track = route.track();
    double tolerance = (width + other.width) / 2 + PASSING;
    for (int i = 0; i < other.bodyX.length; i++) {
      double ahead = along(track, other.bodyX[i], other.bodyY[i], tolerance);
      double distance = ahead - front - other.width / 2;
      if (distance < gap) {
        gap = distance;
        leader = other;
        leaderSpeed = other.speed;
      }
    }
  }

  /** How far ahead on the track a point lies; infinite if it is not on the way. */
  private double along(Track track, double x, double y, double tolerance) {
    double best = Double.MAX_VALUE;
    double bestAhead = Double.POSITIVE_INFINITY;
    for (double ahead = 0; ahead < gap + front + 2; ahead += 1) {
      double dx = x - track.x(position + ahead);
      double dy = y - track.y(position + ahead);
      double square = dx * dx + dy * dy;
      if (square < best) {
        best = square;
        bestAhead = ahead;
      }
    }
    double s = position + bestAhead;
    double tx = track.x(s + 0.5) - track.x(s - 0.5);
    double ty = track.y(s + 0.5) - track.y(s - 0.5);
    double norm = Math.sqrt(tx * tx + ty * ty);
    double dx = x - track.x(s);
    double dy = y - track.y(s);
    double further = (dx * tx + dy * ty) / norm;
    double aside = Math.abs(dx * ty - dy * tx) / norm;
    boolean onTheWay = aside < tolerance && Math.abs(further) < 1.5 && bestAhead + further > 0;
    return onTheWay ? bestAhead + further : Double.POSITIVE_INFINITY;
  }

  private @Nullable Crossover next() {
    return crossover < route.crossovers().size() ? route.crossovers().get(crossover) : null;
  }

  /** What is still before it of the junction stretch that it holds, if it holds any. */
  @Nullable Crossover held() {
    Crossover next = next();
    return granted && next != null ? next.from(position - rear) : null;
  }

  /** The junction stretch that it waits for and could use at once, if any. */
  @Nullable Crossover wanted(int step) {
    Crossover next = next();
    if (granted || next == null) {
      return null;
    }
    double line = next.enter() - position - front;
    if (line > reach() || !isFirst(next, line) || !hasRoomBeyond(next)) {
      return null;
    }
    waitingSince = Math.min(waitingSince, step);
    return next;
  }

  /** The step since when it waits at a junction; long ago for those who are let through first. */
  int waitingSince() {
    return kind == Kind.EGO ? Integer.MIN_VALUE / 2 : waitingSince;
  }

  private boolean isFirst(Crossover next, double line) {
    if (leader == null || gap > line) {
      return true;
    }
    Crossover ofLeader = leader.held();
    return ofLeader != null && ofLeader.junction() == next.junction();
  }

  private boolean hasRoomBeyond(Crossover next) {
    double needed = next.leave() - position + rear + 1.5;
    return leader == null || leaderSpeed > 3 || gap > needed || leader.held() != null;
  }

  /** Lets it through the junction ahead. */
  void grant() {
    granted = true;
  }

  /** Room that it needs on each side of its way through a junction, metres. */
  double halfSpace(Crossover way) {
    return width / 2 + JUNCTION_PASSING + (way.isTurn() ? SWING * longest * longest : 0);
  }

  /** One step of {@link Journey#STEP} seconds. */
  void move() {
    double acceleration = acceleration();
    double before = speed;
    speed = Math.max(0, speed + acceleration * Journey.STEP);
    position += (before + speed) / 2 * Journey.STEP;
    placeBody();
    journey.add(position, speed);
    Crossover next = next();
    if (granted && next != null && position - rear > next.leave()) {
      crossover++;
      granted = false;
      waitingSince = Integer.MAX_VALUE;
    }
  }

  private double acceleration() {
    double wish = Math.min(desiredSpeed, route.track().speedLimit(position));
    double ratio = speed / wish;
    double free = kind.acceleration * (1 - ratio * ratio * ratio * ratio);
    double interaction = leader == null ? 0 : interaction(gap, leaderSpeed);
    Crossover next = next();
    if (!granted && next != null) {
      double line = next.enter() - position - front - BEFORE_LINE + kind.standstill;
      interaction = Math.max(interaction, interaction(line, 0));
    }
    double acceleration =
        Math.max(free, -kind.comfortableBraking) - kind.acceleration * interaction;
    return Math.max(acceleration, -kind.hardestBraking);
  }

  private double interaction(double distance, double otherSpeed) {
    double closing =
        speed * (speed - otherSpeed) / (2 * Math.sqrt(kind.acceleration * kind.comfortableBraking));
    double desired = kind.standstill + Math.max(0, speed * kind.headway + closing);
    double ratio = desired / Math.max(distance, 0.1);
    return ratio * ratio;
  }

  /** Whether two bodies are, or nearly are, at the same place. */
  boolean isTooNear(Mover other, double distance) {
    double least = (width + other.width) / 2 + distance;
    for (int i = 0; i < bodyX.length; i++) {
      for (int j = 0; j < other.bodyX.length; j++) {
        double dx = bodyX[i] - other.bodyX[j];
        double dy = bodyY[i] - other.bodyY[j];
        if (dx * dx + dy * dy < least * least) {
          return true;
        }
      }
    }
    return false;
  }
}
