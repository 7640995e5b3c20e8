"""The step `command`: runs a program of the user that makes an ONNX file from the training rows. The step `import` checks the file."""

from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.values import Json
from leptonctl.learning.inputs import CommandInputs, read_inputs
from leptonctl.learning.needs import read_contract
from leptonctl.learning.outputs import TrainOutputs
from leptonctl.learning.own_code.layout import write_files, write_rows
from leptonctl.learning.own_code.lines import Printout
from leptonctl.learning.own_code.output import read_output
from leptonctl.learning.own_code.program import new_folders, run_program, variables
from leptonctl.learning.tables.prepared import check_target, read_side_cells
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("command", inputs, CommandInputs)
    prepare, program = needs["prepare"], request.command
    contract = read_contract(prepare)
    cells = read_side_cells(prepare, "train", bench.artifacts)  # the program does not get the evaluation rows
    check_target(cells[contract.target], request.task)
    columns = [column for column in contract.columns if request.features is None or column.name in request.features]
    bench.progress(message=f"running {program.run[0]}")
    with new_folders() as place:
        write_files(program, bench.project, place.work)
        write_rows(cells, columns, contract, request, place.work)
        printout = Printout(bench.progress, str(place.work))
        run_program(program.run, place, variables(place, request.seed, program.env), request.limits, printout)
        data = read_output(program, place.work)
    outputs = TrainOutputs(
        features=tuple(column.name for column in columns),
        iterations=printout.iterations or printout.counted or None,
        loss=tuple(printout.losses) or None,
    )
    return Produced(artifacts={GRAPH_FILE: bench.artifacts.put_artifact(data)}, outputs=outputs.to_json())
