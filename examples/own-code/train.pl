#!/usr/bin/perl
# A network of our own in Perl: reads the prepared rows, writes model.onnx byte by byte. Needs nothing but Perl.
use strict;
use warnings;
use JSON::PP;

my $contract = decode_json(slurp("prepared/contract.json"));
my @features = map { $_->{name} } @{ $contract->{features} };
my @classes  = @{ $contract->{classes} };
my (@x, @y);
for my $line (split /\n/, slurp("prepared/train.jsonl")) {
    my $row = decode_json($line);
    push @x, [map { $row->{$_} } @features];
    push @y, $row->{ $contract->{target} };
}

srand($ENV{LEPTON_SEED});
my ($hidden, $iterations, $rate, $keep) = (10, 400, 0.2, 0.9);
my %w = (
    w1 => matrix(scalar @features, $hidden, 2), b1 => matrix(1, $hidden, 0),
    w2 => matrix($hidden, scalar @classes, 1), b2 => matrix(1, scalar @classes, 0),
);
my %speed = map { $_ => [map { [map { 0 } @$_] } @{ $w{$_} }] } keys %w;

for my $iteration (1 .. $iterations) {
    my %slope = map { $_ => [map { [map { 0 } @$_] } @{ $w{$_} }] } keys %w;
    my $loss = 0;
    for my $n (0 .. $#x) {
        my @inner = map { my $j = $_; tanh(sum(map { $x[$n][$_] * $w{w1}[$_][$j] } 0 .. $#features) + $w{b1}[0][$j]) } 0 .. $hidden - 1;
        my @score = map { my $k = $_; exp(sum(map { $inner[$_] * $w{w2}[$_][$k] } 0 .. $hidden - 1) + $w{b2}[0][$k]) } 0 .. $#classes;
        my $total = sum(@score);
        my @error = map { $score[$_] / $total - ($y[$n] eq $classes[$_] ? 1 : 0) } 0 .. $#classes;
        $loss -= log($score[$_] / $total) for grep { $y[$n] eq $classes[$_] } 0 .. $#classes;
        for my $j (0 .. $hidden - 1) {
            my $back = (1 - $inner[$j]**2) * sum(map { $error[$_] * $w{w2}[$j][$_] } 0 .. $#classes);
            $slope{w1}[$_][$j] += $back * $x[$n][$_] for 0 .. $#features;
            $slope{b1}[0][$j] += $back;
            $slope{w2}[$j][$_] += $inner[$j] * $error[$_] for 0 .. $#classes;
        }
        $slope{b2}[0][$_] += $error[$_] for 0 .. $#classes;
    }
    for my $name (sort keys %w) {
        for my $i (0 .. $#{ $w{$name} }) {
            for my $j (0 .. $#{ $w{$name}[$i] }) {
                $speed{$name}[$i][$j] = $keep * $speed{$name}[$i][$j] - $rate * $slope{$name}[$i][$j] / @x;
                $w{$name}[$i][$j] += $speed{$name}[$i][$j];
            }
        }
    }
    printf qq({"iteration": %d, "of": %d, "loss": %.6f}\n), $iteration, $iterations, $loss / @x if $iteration % 20 == 0;
}

# ONNX is a protocol buffer: numbered fields, each a number or bytes of a known length
my @nodes = (
    node("MatMul", ["x", "w1"], "a"), node("Add", ["a", "b1"], "b"), node("Tanh", ["b"], "hidden"),
    node("MatMul", ["hidden", "w2"], "c"), node("Add", ["c", "b2"], "d"), node("Softmax", ["d"], "probabilities"),
);
my $graph = join "", (map { bytes(1, $_) } @nodes), bytes(2, "network"), (map { bytes(5, tensor($_, $w{$_})) } sort keys %w),
    bytes(11, value("x", scalar @features)), bytes(12, value("probabilities", scalar @classes));
my $model = number(1, 9) . bytes(2, "train.pl") . bytes(7, $graph) . bytes(8, bytes(1, "") . number(2, 18));
open my $file, ">:raw", $contract->{output} or die "$contract->{output}: $!";
print $file $model;
close $file or die "$contract->{output}: $!";

sub node { my ($op, $inputs, $output) = @_; return join "", (map { bytes(1, $_) } @$inputs), bytes(2, $output), bytes(4, $op) }

sub tensor {
    my ($name, $rows) = @_;
    return number(1, scalar @$rows) . number(1, scalar @{ $rows->[0] }) . number(2, 1) . bytes(8, $name) . bytes(9, pack "f<*", map { @$_ } @$rows);
}

sub value {    # a table of float32 with any number of rows
    my ($name, $columns) = @_;
    my $shape = bytes(1, bytes(2, "N")) . bytes(1, number(1, $columns));
    return bytes(1, $name) . bytes(2, bytes(1, number(1, 1) . bytes(2, $shape)));
}

sub bytes { my ($field, $data) = @_; return varint($field << 3 | 2) . varint(length $data) . $data }
sub number { my ($field, $value) = @_; return varint($field << 3) . varint($value) }
sub varint { my ($n) = @_; return pack "w", $n if $n < 128; return chr($n & 127 | 128) . varint($n >> 7) }
sub sum { my $sum = 0; $sum += $_ for @_; return $sum }
sub tanh { my $e = exp(2 * $_[0]); return ($e - 1) / ($e + 1) }
sub matrix { my ($rows, $columns, $width) = @_; return [map { [map { $width * (rand() - 0.5) } 1 .. $columns] } 1 .. $rows] }
sub slurp { my ($name) = @_; open my $file, "<:raw", $name or die "$name: $!"; local $/; return scalar <$file> }
